"""Find the metrics of a run, and collect what is no single CSV file into one that is read like any other.

`discovery` finds the files. A source is a file from which rows can be made: JSON lines, a JSON document, a CSV that is
not alone, or a log with patterns. It reads on from a position. The collector appends the rows to scraped.csv and stores
the positions with them. So every row is in the table exactly once, however often the service is killed and whichever
process goes on. `runmetrics` is what the rest of the service uses.
"""
