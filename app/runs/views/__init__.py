"""What REST answers about runs and models, as plain dictionaries.

Programs poll `GET /training/status`. Its answer is cached with the times and sizes of the files that it was read from.
The lock is checked each time, because only the lock shows that every process is gone. An answer is cached only if its
files were left alone for 20 ms before, because two changes within one step of the file system's clock look like one.

The list of runs is cached while the time of the runs folder stays the same, and each entry while times, sizes and
inodes of the run's files do. Times of the last two seconds prove nothing, because a second change may have the same
time. So such fresh files are read again. To sort 10,000 runs takes 40,000 checks of times. Models are not cached: they
are searched from the newest run on until a page is full. So there is no count of them.
"""
