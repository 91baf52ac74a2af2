"""The two servers that can serve the app, and how each of them starts, reads requests and ends.

Both servers read requests with gunicorn's parser. It is strict where two readers could disagree about the end of a
request: duplicate lengths, a length together with chunks, bare line feeds, folded headers. Both servers answer invalid
HTTP with the same JSON shape as the app (`wire`). Eventlet's own parser accepts most of these requests and hides
chunked bodies from Flask. So a request to stop another run stopped the active run.

Any client that reaches the port can connect, so the servers limit the cost of a connection before they know its client.
They receive a head, and a body of up to 64 KiB, before they parse it and call the app (`incoming`). A client has 30 s
to begin a request, 10 s for its head and 20 s for its body, however it spreads the bytes. A longer transfer has to keep
a minimum pace, in both directions (`patience`). A client that is too slow gets a 408. The servers read a longer body
only when the app asks for it, so they refuse a request without the token unread.

Under gunicorn the thread that accepts connections also receives requests, sends the rest of answers and reads what a
client still sends after its answer. It never waits for one client. The other threads get complete requests. They wait
for a client in only three cases, and each case has a share of the threads: sockets, long uploads, and answers of more
than 256 KiB. So REST always has 32 threads (`gunicorn_worker`). Under eventlet a connection costs no thread. The server
handles the requests of sockets one after the other, so a flood of them hardly delays other requests
(`eventlet_server`).

When all places are taken, a new connection displaces a connection that waits for its client: the oldest one of the
largest group that waits for the same thing (`waiting`). So silent connections displace each other, while a request with
the token takes milliseconds. The number of places follows from the limit on open files, minus a reserve for files
(`openfiles`). If the service still cannot open anything, the servers log that once a minute and hold fewer connections
for a while.

If a server has not read a request to its end, it closes only its own side of the connection. It then reads what the
client still sends for up to 2 s. An immediate close would reset the connection and lose the answer.

The garbage collector ignores everything imported before the first request (`gc.freeze`). A collection would visit all
of it and block eventlet's loop for 50 ms. `trainer.libraries` does the same for a training.
"""
