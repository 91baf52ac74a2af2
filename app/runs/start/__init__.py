"""Start and stop runs: what a start needs, what it checks first, and whether it has to wait in the queue.

Two checks and two previews of datasets run at a time (`pool`). 80 previews at once would be 80 processes and 2.5 GB. Up
to 16 requests wait in order, and more are a 503 with Retry-After. A start goes to the front. Requests wait by sleeping
in their own threads, so they occupy none of eventlet's few real threads.
"""
