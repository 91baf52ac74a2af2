"""The metrics that GET /metrics returns to Prometheus.

They come from two places. `collector` reads the state of the runs, the queue and the machine for each request, so every
server process returns the same values. `process` and `requests` hold what only one process knows: its requests, its
sockets, and when its supervisor last read the runs. gunicorn's workers keep these values in shared files (the
multiprocess mode of prometheus_client), so any worker answers for all, and replacing a worker loses no requests.
`gunicorn.conf.py` creates the folder of these files.

To keep the number of series small, requests are labelled with the route instead of the path, and only active runs have
their own metrics.
"""
