"""From images to batches, on one device or several.

A loader process moves each batch into shared memory itself. PyTorch's queue would do that in a thread. If /dev/shm is
full, that thread prints an error and drops the batch, and the training waits for it for ever. For the same reason each
loader process tries at its start to hand over a tensor. As a last resort half an hour without a batch ends the
training.

The last batch of an epoch never holds a single image per process, because batch norm cannot be trained on one image. A
leftover image joins the batch before it.
"""
