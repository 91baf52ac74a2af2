"""The network: built from scratch, pretrained, or the user's own."""
