"""The trained model: its ONNX file, verified against the network, smaller variants, and the model card.

The card is written as soon as the ONNX file is verified, and again with the variants. So the model survives whatever
happens during their conversion, such as a stop or too little memory. A variant gets its name after it is measured on
the tested split. A stopped run has no variants, because a stop must be quick and has no test accuracy to compare with.
"""
