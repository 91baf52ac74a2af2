"""The models of runs: which files are models, what is known about them, and complete downloads.

Our own trainer verifies its ONNX file and then writes a model card, so its run has no model without a card. For a
`command`, and for a directory that the service did not create, the files that match `models.files` are the models.
"""
