"""Turn images into batches, for one device or several.

A loader process moves each batch into shared memory itself. PyTorch's queue would do that in a thread, and if /dev/shm
is full, that thread prints an error and drops the batch, for which the training waits forever. Each loader process also
tries to hand over a tensor when it starts. As a last resort, half an hour without a batch ends the training.

If the network cannot train on a single image, as most with batch norm, an image left over at the end of an epoch is
skipped. The order changes in each epoch, so it is another image each time.
"""
