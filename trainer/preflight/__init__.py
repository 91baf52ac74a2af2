"""The check of a dataset before a training: without torch, in seconds. See __main__ for its use."""
