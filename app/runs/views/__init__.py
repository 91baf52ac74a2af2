"""What REST answers about runs and models, as plain dictionaries.

Programs poll `GET /training/status`. `Status` remembers its answer until one of its files changes (see
`app/runs/filestate.py`). It asks the lock each time, because only the lock shows that every process is gone.

`Catalogue` remembers each run's entry in the list in the same way. To sort 10,000 runs, it looks up the states of
40,000 files. Models are not remembered: `ModelFolder` searches from the newest run on until a page is full. So it does
not know how many there are.
"""
