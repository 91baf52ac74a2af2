"""The two servers that can serve the app, and how each of them starts, reads requests and ends.

Both servers read requests with gunicorn's parser. It is strict where two readers could disagree about where a request
ends: duplicate lengths, a length beside chunks, bare line feeds, folded headers. Both answer invalid HTTP in the one
shape (`wire`). Eventlet's own parser lets most of that pass and hides chunked bodies from Flask, which then took a stop
for another run's id as a stop of the active run.

A body is read when the app asks for it, so a request without the token is refused unread. If a request was not read to
its end, the server closes only its own side of the connection and reads what the client still sends for up to 2 s. An
immediate close would reset the connection and lose the answer. Under gunicorn the worker's thread does that, because
gunicorn's own lingering blocks the thread that accepts connections.

The garbage collector ignores what was imported before the first request (`gc.freeze`). A collection would go through
all of it and block eventlet's loop for 50 ms. `trainer.libraries` does the same for a training.
"""
