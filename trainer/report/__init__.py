"""Report on a finished training: how good the network is on images that it never saw, in numbers and pictures.

`test_step` returns its logits. A callback keeps of each image its class, the prediction and its probability, on the
CPU. Only AUROC needs the probabilities of all classes. If there are more than 20 million of them (1,000 classes and
20,000 images), those of evenly spread images are kept, and `auroc.num_images` says how many. Everything is measured at
the end, at once. An average takes in a class where its value is defined: its recall if it has images, its F1 if it has
images or predictions, its AUROC if there are images of it and of others.

report.json is written last, so everything that it names is there. A picture that cannot be drawn is left out. If the
report cannot be made at all, for example because the network's outputs are not finite, the log holds the traceback and
the training goes on to the export. Nobody loses a trained model because of a picture. The mistakes are saved as small
PNG files, so that a client can show them without access to the dataset. Letters that no installed font has are drawn as
their numbers. `report.md` has every name in full.
"""
