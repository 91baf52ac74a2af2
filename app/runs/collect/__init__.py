"""Find the metrics of a run. Unless they are a single CSV file, collect them into one.

`discovery` finds the files. A source turns one file into rows: JSON lines, a JSON document, one of several CSV files,
or a log with patterns. It continues from a position. The collector appends the rows to scraped.csv and stores the
positions with them. So every row is in the table exactly once, however often the service is killed and whichever
process continues. The rest of the service uses `runmetrics`.
"""
