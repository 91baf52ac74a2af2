"""The two servers that can serve the app, and how each of them starts, reads requests and ends.

Both servers read requests with gunicorn's parser. It is strict where two readers could disagree about where a request
ends: duplicate lengths, a length beside chunks, bare line feeds, folded headers. Both answer invalid HTTP in the one
shape (`wire`). Eventlet's own parser lets most of that pass and hides chunked bodies from Flask, which then took a stop
for another run's id as a stop of the active run.

Anybody who reaches the port can connect, so what a connection costs is bounded before its client is known. Both servers
receive a head, and a body of up to 64 KiB, before they parse it and call the app (`incoming`). A client has 30 s to
begin a request, 10 s for its head and 20 s for its body, however it spreads the bytes. A longer transfer has to keep a
pace, in both directions (`patience`). Who is too slow gets a 408. A longer body is read when the app asks for it, so a
request without the token is refused unread.

Under gunicorn the thread that accepts connections also receives requests, sends the rest of answers and reads what a
client still sends after its answer. It never waits for one client. The other threads get whole requests. They wait for
a client only in three cases, and each has a share of the threads: sockets, long uploads, and answers of more than 256
KiB. So 32 threads are always REST's (`gunicorn_worker`). Under eventlet a connection costs no thread. The requests of
sockets are served one after the other, so that a flood of them delays everybody else little (`eventlet_server`).

When all places are taken, a new connection takes the place of one that waits for its client: of those that wait for the
same thing as the most others, the one that has waited longest (`waiting`). So silent connections displace each other,
while a request with the token takes milliseconds. The number of places follows from the limit of open files, of which
some are kept for files (`openfiles`). If nothing can be opened nevertheless, the servers log that once a minute and
hold fewer connections for a while.

If a request was not read to its end, the server closes only its own side of the connection and reads what the client
still sends for up to 2 s. An immediate close would reset the connection and lose the answer.

The garbage collector ignores what was imported before the first request (`gc.freeze`). A collection would go through
all of it and block eventlet's loop for 50 ms. `trainer.libraries` does the same for a training.
"""
