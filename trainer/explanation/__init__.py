"""Explain a prediction ante hoc: a heatmap from the same pass as the logits, without gradients.

`explain` finds by one pass how a network gets from positions to logits. If the logits are a linear function of the mean
over the positions of a feature map, the heatmap is a class activation map. If they come from the class token of a
transformer, or from the mean of its patches, it is the attention rollout. The structure counts, not the name of the
network, and it is verified by computing the logits again. Other networks are refused before they are trained.

Both maps have the resolution of the network's last feature map or of its patches, and go from 0 to 1 for each image.
"""
