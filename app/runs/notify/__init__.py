"""Tell people by Apprise that a run has ended, and that the queue is empty.

What was told is kept in files. `notify.json` beside the runs lists the runs whose end is still to be told. Runs that
had ended before TRAINING_NOTIFY was set are never on it, nor are folders that the service did not make. When a run on
the list has ended, the notifier writes `notified.json` into its directory: the message, and for each address how often
it was tried, and whether it was sent. Once it was sent to every address, or given up, the run leaves the list.

The notifier is a thread of the process that holds `supervisor.lock`. It sends nothing itself: it starts a sender, a
process that writes each attempt into `notified.json` before it sends, and each result after it. The sender holds
`notify.lock`, so there is one at a time, whatever became of the service that started it. A service that is killed
leaves its sender alone, which ends within a minute.

So a message that an address has accepted is not sent again, whatever restarts happen. The exception is unavoidable: if
the sender itself is killed after an address has accepted a message and before the result is on the disk, nobody can
know, and the message is sent again. We prefer that to a message that is never sent.

An address that fails is tried again after 2 s, and then after ever longer pauses of up to an hour. After a day the
notifier gives up and logs it. A hanging address delays no other one.
"""
