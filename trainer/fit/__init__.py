"""Fit the network: the Lightning module, its callbacks and loggers, checkpoints and devices.

Checkpoints
-----------
A run keeps two checkpoints, the best epoch's and the last. Each is written beside its target, flushed, and renamed into
place. `last.json` beside `last.ckpt` describes its content: the experiment, the classes, and the epochs, batches and
steps done. The service and the command line read it without torch. Before a start they refuse to change parameters that
must stay the same (`trainer.experiment.resumable`), and to resume with nothing left to train. `last.json` is written
first, so a `last.ckpt` without it comes from another version. The trainer checks again with the checkpoint itself, in
case of a crash between the two writes.

A checkpoint supplies only weights, optimizer state, random state, position and the best epoch's metrics. Early stopping
counts the epochs of the earlier run again from its rows.

Loggers
-------
metrics.csv is always written, because the service follows it. TensorBoard and MLflow get the same rows with the same
steps. On a resume, the rows before the checkpoint are logged again, so that each run is complete by itself. MLflow
receives metrics at most once a second. After a failure, which is logged once, the logger tries again a minute later, so
that an unreachable server delays the training by one short timeout a minute. Without MLFLOW_TRACKING_URI, MLflow uses a
folder in the run directory. MLflow 3 has to be asked for that, because its databases need a driver that mlflow-skinny
lacks.

NaN and infinite losses
-----------------------
Reading a loss from a GPU waits for everything queued there. So the losses of 20 batches stay on the device, with the
indices of their images, and are read together. The first bad batch is still named. Losses and weights are also checked
before a checkpoint is written, so that no checkpoint contains NaN. All ranks end together. A gradient overflow in
16-bit precision does not end the training: the gradient scaler skips that step, and the checked loss is unscaled.
"""
