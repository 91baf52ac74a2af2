"""The trained model: exported to ONNX, verified, described and made smaller.

The model card is written as soon as the ONNX file is verified, and again with the variants. So the model is there
whatever happens while the variants are made, such as a stop or too little memory. A variant gets its name after it was
measured on the test split. A run that was stopped has none, because a stop must be quick and has no tested accuracy to
compare with.
"""
