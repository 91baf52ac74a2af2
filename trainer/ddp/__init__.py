"""Train on several devices: the leader, the other ranks, and what they agree on.

The training program is the leader (rank 0). It starts the other ranks as its children before it imports torch, so that
they import it at the same time. When everything is built and valid, the leader sends them the request with their place
on stdin, and all of them `fit` together (Lightning's DDP, gloo on the CPU, NCCL on GPUs). Lightning's own launcher
would run the command line again in each rank and, when one dies, kill the leader without a word.

- The ranks meet at a store that the leader opens on loopback, at a port that the kernel chose and the leader keeps. So
  two runs cannot meet each other.
- Only the leader writes files and the lines of the log. It tests and exports alone, on the first device, after the
  others have ended.
- `data.batch_size` counts the images of all ranks, so the number of batches, and mostly the images in them, do not
  depend on the number of devices, and a resume may change it. Sums of loss and right answers are added up over all
  ranks at every batch.
- Signals go to the leader. After every batch it tells the others, by one byte on the CPU, whether a stop was asked for.
  So all ranks save the same state and leave at the same batch. The checkpoint holds the random state of each.
- A rank that fails sends its reason and traceback to the leader, whose thread prints them last and ends the process,
  whatever the main thread waits for. The leader notices a killed rank by its end. Ranks die with the leader
  (PR_SET_PDEATHSIG).
"""
