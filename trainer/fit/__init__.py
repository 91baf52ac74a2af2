"""What Lightning trains, and everything around the batches.

Checkpoints
-----------
Two checkpoints are kept, the best epoch's and the last. Each is written beside its target, flushed, and renamed into
place. Lightning 2.6 writes through $TMPDIR, which is small in many containers. `last.json` beside `last.ckpt` says what
that holds: the experiment, the classes, and the epochs, batches and steps done. The service and the command line read
it without torch. Before anything starts they refuse a change of parameters that must stay
(`trainer.experiment.resumable`) and a resume with nothing left to train. `last.json` is written first, so a `last.ckpt`
without it comes from another version. The trainer checks again by the checkpoint itself, in case a crash came between
the two files.

A checkpoint supplies only weights, optimizer state, random state, position and the best epoch's metrics. Early stopping
counts the epochs of the earlier run again from its rows, because Lightning's own would restore the old patience.

Loggers
-------
metrics.csv is always written, because the service follows it. TensorBoard and MLflow get the same rows with the same
steps. On a resume the rows before the checkpoint are logged again, so each run is complete by itself. MLflow's metrics
are sent at most once a second. After a failure, which is logged once, the next try comes a minute later. So a server
that is away holds up the training by one short timeout a minute. Without MLFLOW_TRACKING_URI a folder in the run
directory is used. MLflow 3 has to be asked for that, because its databases need a driver that mlflow-skinny does not
bring.

Losses that are not finite
--------------------------
To read a loss on a GPU waits for everything queued there. So the losses of 20 batches stay on the device, with the
images they belong to, and are read at once. The first bad batch is named all the same. Before a checkpoint is written,
the losses and the weights themselves are checked, so no checkpoint holds what a NaN made of it. Several ranks end
together. Gradients that overflow in 16-bit floats do not end the training: those steps are left out, and the loss that
is checked is the unscaled one.
"""
