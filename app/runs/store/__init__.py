"""Find, list, read and delete run directories, and compose the state of a run."""
