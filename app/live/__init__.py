"""The live updates: the Socket.IO namespace and what stands before it.

The supervisor publishes together what one read finds. Under eventlet it encodes and frames every event once, and writes
all of them itself, with one system call per client, into each socket whose client has taken everything before. For
other clients python-engineio's queues do it. For 1,000 clients these would take 1,000 switches between green threads,
and as many framings, per event. Nothing can overtake: the publisher writes only when the client's own thread waits at
an empty queue and holds no half-sent frame. The rest of a partial write follows under the socket's lock. These
WebSockets use no compression, so all clients get the same bytes, and no Nagle's algorithm, which would hold an event
back until the one before is acknowledged.
"""
