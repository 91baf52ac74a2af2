"""The run directories: find, list, read and delete them, and compose the state of a run."""
