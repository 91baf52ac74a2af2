"""The network to train: a transformers architecture, a pretrained model, or a custom module."""
