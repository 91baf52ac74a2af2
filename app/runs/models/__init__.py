"""The models of runs: which files are models, what is known about them, and how to send them whole.

Our own trainer verifies its ONNX file and then writes a model card, so a run of ours without a card has no model. For a
`command`, and for a directory that this service did not make, the files that match `models.files` are the models.
"""
