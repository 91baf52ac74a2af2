"""Check a dataset before a training: without torch, in seconds. See __main__ for its use.

The check runs in a separate process, so that the server's memory does not grow and, under eventlet, its clients do
not wait. It first lists names, sizes and times. If logs/train/preflight/ has a report for that state, that is the
answer. Otherwise threads inspect every image in a shuffled order (Pillow releases the GIL), and twice a second the
report is replaced by what is known so far. An unfinished report has the status `checking` and the warning "only N of M
images were checked". A start continues with it after 20 seconds instead of waiting for minutes.

Two server processes that ask at once share one check, by a lock beside the report. A check that died is not taken for a
result: an unfinished report counts only while the process that wrote it lives. Images are decoded in full for the first
ten seconds only, because all images of a large dataset would take minutes. Every image is still hashed and opened.
A training that follows reads only the images that have changed since the check (`trainer.dataset.remembered`).
"""
