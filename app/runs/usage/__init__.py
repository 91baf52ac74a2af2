"""What a run's processes and GPUs use from its start to its end: usage.csv in the run directory.

A row covers `every_s` seconds, initially 2. When the file has more than 700 rows, every two rows are merged into one,
and `every_s` doubles. So 24 hours fit in 675 rows: 16 kB, or about 100 kB with 8 GPUs. A merged value is the mean,
except for memory and temperature, which keep the maximum: their peaks end trainings, so merging must not hide them.

Only the holder of `supervisor.lock` writes the file, so each time has one row, however many processes the service has.
The next holder continues the file: it finds `every_s` from the distances between rows. A holder that is killed loses
the samples of one row, and may leave an incomplete line. Readers ignore that line, and the next holder repairs it. A
run without processes on this machine has no usage.csv.
"""
