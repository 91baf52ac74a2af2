"""Follow the active run, and turn what its program writes into events.

When the supervisor reads
-------------------------
The supervisor reads the run's files every `poll_interval_s`. In between it checks their times and sizes five
times as often. After a change it waits a fifth of the interval (metrics, log and progress of a step are written one
after the other), reads, and then pauses for half an interval. So clients have a row after some 30 ms, and a training
that writes a thousand rows a second costs some 14 reads. inotify would save 20 ms and the checks (0.1% of a core), but
needs watches on folders that come and go, and a fallback where it does not work. After a read that takes long, because
it has many clients, the supervisor pauses as long (at most the interval), so that requests have their turn.

The position in the metrics is a row count, because Lightning rewrites the file when a new metric appears. In the log it
is a byte offset between two characters. A run that ends between two reads is noticed, because the lock file still names
it. At the end the supervisor reads the verdict, drains metrics and log, and publishes the final state.

What a subscriber gets
----------------------
A subscription is answered under the supervisor's mutex, after one more read, so the answer ends exactly where the
events continue. One answer holds at most about 400 KiB of metrics and 256 KiB of log. If more is missing, an event that
states the present position follows the answer, and again each second. The client sees the gap and subscribes again. A
client that has more than 1 MiB of events to take gets no more until its queue is empty, and then it gets the position
too. So a page may lack rows for a while. Whatever needs all rows, such as a CSV file, asks REST. The service keeps what
it read of the last 16 finished runs, with the state of their files (`past`). A long run is read outside of the mutex,
and a burst of events is published in parts, so that one run never holds up the followers of another.

An `epoch` comes right before the rows that changed it, and says how many rows were merged (`num_rows`). A client that
got more rows meanwhile, by subscribing again, also got the newer epochs and ignores the event. A chunk of the log that
the client has in part is a gap too.

Several server processes
------------------------
gunicorn's workers, or two services on the same runs, each follow the files and publish to their own clients. So none
depends on another. Only the holder of `supervisor.lock` kills what a killed runner left behind, and keeps a prewarmed
process. A WebSocket stays with the process that accepted it. The requests of a long poll would reach any process, so
with several workers polling is refused. We tried a message queue between the processes: with Redis away for a second,
every client lost 19 of 40 rows.
"""
