"""Read metrics files: one reader for REST and for following.

The reader divides a metrics.csv into segments of 1,024 rows or 64 KiB and keeps where each begins, the number of rows,
and the greatest epoch and step (`table`): some bytes per thousand rows, for the 64 files that were requested last. It
reads the rows on demand, one segment at a time, and sends them in chunks of about 128 KiB, each made in a thread of its
own under eventlet. So memory is bounded whatever a file's length. A file that only grew (same inode, header, first and
last KiB) is read on from its end. After any other change it is read from the start. A file of up to 1 MiB is read as a
whole whenever it may have changed. Every read checks the header again, because Lightning's rewrites always change it.
An answer that needs several reads while the file is rewritten breaks off, and the client asks again.

A line is a row. The reader skips, counts and names a line with more cells than the header, or with over 100 fewer, with
NUL bytes, with text for its epoch or step, without any number, or longer than 1 MiB. Such lines come from two processes
that append at once, from a power cut, or from a program that writes its header again. Text in other cells is left out
and its column named.
Only UTF-16 and a header longer than 256 KiB or of more than 10,000 columns make a file unreadable. The delimiter
(comma, semicolon, tab) is the most frequent one in the header. A last line without its end waits until the run is over.

What Python writes for a number is usually JSON already. If every cell of a segment is such a number (a JSON parser
decides, when the rows are first read), the answer is made by putting the column names between the cells, and no number
is parsed or printed. Other segments are parsed cell by cell.

The ETag names the query and the version of the file: a digest of its content up to 1 MiB, else its inode, size and
times. A change right after another one may not show in the times (see `app/runs/filestate.py`). So until the times have
settled, a longer file has a new version at each request.

`max_points` reads the rows once. Rows fall into buckets of 2, 4, 8 ... rows. In each bucket every column keeps its
lowest and highest value and the first non-finite one. The first and the last row stay too, and the last value of each
column. Buckets begin at fixed rows, so new rows change only the end.

A program that starts again may write the same file from its beginning. `tail` recognises another attempt when the first
or the last row it knows has changed, or when rows are missing and it is not Lightning's rewrite (same inode, more
columns, same first row). It then publishes a position at row 0 before anything else, and clients see a gap and
subscribe again. The service remembers which attempt it last answered each socket about, and a client may name the
attempt itself (`attempt`), so rows of two attempts never mix. The same holds for a log that shrinks.
"""
