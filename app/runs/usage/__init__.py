"""What a run's processes and GPUs use over its whole time: usage.csv in the run directory.

A row covers `every_s` seconds, first 2. Once the file has more than 700 rows, every two rows become one, and `every_s`
doubles. So 24 hours fit in 675 rows: 16 kB, or about 100 kB with 8 GPUs. A merged value is the mean, but for memory and
temperature it is the highest: their peaks end trainings, so no thinning may hide them.

Only the holder of `supervisor.lock` writes the file, so there is one row for each time however many processes the
service has. The next holder goes on in the same file: it finds `every_s` in the distances of the rows. A holder that is
killed loses the samples of one row, and may leave a part of a line. Readers ignore that, and the next holder repairs
it. A run that has no processes on this machine has no usage.csv.
"""
