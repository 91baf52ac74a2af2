"""Train on several devices: the process of each rank, and their collective operations.

The training program is the leader, rank 0. It starts the other ranks as its children before it imports torch, so that
all of them import it at the same time. When everything is built and valid, the leader sends each rank its request on
stdin, and they `fit` together (Lightning's DDP, with gloo on the CPU and NCCL on GPUs). Lightning's own launcher would
run the command line again in each rank and, when one dies, kill the leader without a reason.

- The ranks meet at a store that the leader opens on loopback, on a port that the kernel chooses and the leader keeps,
  so that two runs cannot meet each other.
- Only the leader writes files and log lines. After the other ranks have exited, it tests and exports alone, on the
  first device.
- `data.batch_size` counts the images of all ranks. The number of batches, and mostly the images in them, do not depend
  on the number of devices, so a resume may change it. Losses and correct predictions are summed over all ranks at every
  batch.
- Signals reach only the leader. After every batch it broadcasts, in one byte on the CPU, whether a stop is requested,
  so that all ranks save the same state and stop at the same batch. The checkpoint holds the random state of each.
- A rank that fails sends its reason and traceback to the leader. A thread of the leader prints them last and exits the
  process, whatever its main thread waits for. The leader detects a killed rank by its exit. Ranks die with the leader
  (PR_SET_PDEATHSIG).
"""
