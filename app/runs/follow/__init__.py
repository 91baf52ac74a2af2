"""Follow the active runs and turn changes of their files into events.

When the supervisor reads
-------------------------
The supervisor reads the runs' files every `poll_interval_s`. In between it checks their times and sizes five times as
often. A program writes the metrics, log and progress of a step one after the other. So after a change the supervisor
waits a fifth of the interval, reads, and then pauses for half an interval. Clients get a row after about 30 ms, and a
training that writes a thousand rows a second costs about 14 reads. inotify would save 20 ms and the checks (0.1% of a
core). But it needs watches on folders that come and go, and a fallback where it does not work. With many clients a read
can take long. The supervisor then pauses for as long (at most the interval), so that requests are served.

The position in the metrics is a row count, because Lightning rewrites the file when a new metric appears. The position
in the log is a byte offset between two characters. The supervisor notices a run that ends between two reads, because
it appears among the runs. At the end it reads the verdict, drains metrics and log, and publishes the final state.

Several runs
------------
Each active run has a follower, and they take turns, so a run that writes much delays the others by one batch. Clients
that name no run follow the latest one: the active run that started last, or else the run that was active last. When it
ends and an older run is still active, they get the position of that run, see the gap, and subscribe again. A
run's events go to its own followers and, if it is the latest run, to those who name none.

What a subscriber gets
----------------------
The supervisor answers a subscription under its mutex, after one more read, so the answer ends exactly where the events
continue. One answer holds at most about 400 KiB of metrics and 256 KiB of log. If more is missing, an event with the
current position follows the answer and repeats each second. The client sees the gap and subscribes again. A client with
more than 1 MiB of unread events gets no more until its queue is empty. Then it gets the position too. So a page may
lack rows for a while. Features that need all rows, such as a CSV file, ask REST. The service keeps what it read of the
last 16 finished runs, with the state of their files (`past`). It reads a long run without the mutex and publishes a
burst of events in batches, so one run never delays the followers of another.

An `epoch` event comes right before the rows that changed the epoch, and says how many rows were merged (`num_rows`). A
client that subscribed again and got more rows meanwhile also has the newer epochs, and ignores the event. A chunk of
the log that the client has in part is a gap too.

Several server processes
------------------------
gunicorn's workers, or two services on the same runs, each follow the files and publish to their own clients. So they do
not depend on each other. Only the holder of `supervisor.lock` launches queued runs, kills the processes that a killed
runner left behind, and keeps a prewarmed process. A WebSocket stays with the process that accepted it. The requests of
a long poll could reach any process, so the service refuses polling with several workers. We tried a message queue
between the processes: when Redis was away for a second, every client lost 19 of 40 rows.

A client may come from another process, or from before a restart. A new process reads the active runs to their end
without publishing, which takes seconds for a long run. A client that has more than the process has read waits for it.
"""
