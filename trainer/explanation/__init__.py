"""Explain a prediction by a heatmap, computed in the same pass as the logits and without gradients.

`Explained` runs the network once to find how it gets from positions to logits. If the logits are a linear function of
the mean over a feature map's positions, the heatmap is a class activation map. If they come from the class token of a
transformer, or from the mean of its patches, it is the attention rollout. What counts is the structure, not the
network's name. Recomputing the logits verifies it. Other networks are refused before they are trained.

Both maps have the resolution of the last feature map or of the patches, and range from 0 to 1 for each image.
"""
