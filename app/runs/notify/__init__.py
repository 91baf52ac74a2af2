"""Notify people through Apprise when a run ends and when the queue is empty.

Files record which messages were sent. `notify.json` beside the runs lists the runs whose end has not been announced.
It never lists runs that ended before TRAINING_NOTIFY was set, nor folders that the service did not create. When a
listed run has ended, the notifier writes `notified.json` into its directory: the message, and for each address the
attempts and the result. Once every address has accepted the message or was given up, the run leaves the list.

The notifier is a thread of the process that holds `supervisor.lock`. It sends nothing itself: it starts a sender
process, which records each attempt in `notified.json` before sending, and each result afterwards. The sender holds
`notify.lock`, so only one runs at a time, even if the service that started it was killed. It exits within a minute.

So an accepted message is not sent again after a restart. One exception is unavoidable: if the sender is killed after an
address has accepted a message and before the result is on the disk, the message is sent again. We prefer that to
losing a message.

The notifier retries an address that fails after 2 s, and then after ever longer pauses of up to an hour. After a day it
gives up and logs that. An address that hangs does not delay the others.
"""
