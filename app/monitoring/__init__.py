"""What GET /metrics tells Prometheus.

Two kinds of metrics make the answer. `collector` reads the state of the runs, the queue and the machine when it is
asked, so every server process gives the same values. `process` and `requests` hold what only one process can know: its
requests, its sockets, and when its supervisor last read the runs. gunicorn's workers keep these values in files that
they share (the multiprocess mode of prometheus_client), so any worker answers for all of them, and a worker that is
replaced takes no request with it. `gunicorn.conf.py` makes the folder of these files.

A metric has few series: requests are labelled with the route and not the path, and only active runs have metrics of
their own.
"""
