"""The report on a finished training: how good the network is on images that it never saw, in numbers and pictures."""
