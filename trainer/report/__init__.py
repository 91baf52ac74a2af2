"""The report on a trained network: metrics and plots of its results on the tested split.

`test_step` returns logits. A callback keeps the class, prediction and confidence of each image on the CPU. Only AUROC
needs the probabilities of all classes. If there are more than 20 million of them (1,000 classes and 20,000 images), the
callback keeps those of evenly spaced images, and `auroc.num_images` is their number. All metrics are computed at the
end. An average covers the classes for which the value is defined: recall for those with images, F1 for those with
images or predictions, AUROC for those with images of them and of others.

report.json is written last, so that all files it names exist. A plot that cannot be drawn is omitted. If the whole
report fails, for example because outputs are not finite, the log has the traceback and the training continues with the
export: no plot is worth a trained model. Mistakes are saved as small PNG files, so that a client can show them without
access to the dataset. Plots replace letters without an installed font by their numbers. `report.md` has all names in
full.
"""
