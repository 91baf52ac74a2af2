"""What REST answers about runs and models, as plain dictionaries.

`Catalogue` remembers each run's entry in the list until one of its files changes (see `app/runs/filestate.py`). To sort
10,000 runs by state, it looks up the states of 30,000 files, and by a metric those of 50,000. To count them by state it
looks up none of a run with a verdict, which is final. Models are not remembered: `ModelFolder` searches from the newest
run on until a page is full. So it does not know how many there are.
"""
