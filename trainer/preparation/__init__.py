"""What a training does with a dataset before its first batch. No torch.

Decoded images
--------------
To decode a photograph takes milliseconds, and to copy its 224 x 224 pixels takes microseconds. So before `fit` threads
decode each split's images (Pillow releases the GIL) into one file, logs/train/cache/KEY.pixels, and a batch is copied
out of that file's mapping. KEY is a digest over the content of all images in their order, the size, the channels, the
value range, and the versions of Pillow and of our decoding. So no change is missed, and a copied or renamed dataset
finds its file. `trainer.dataset.remembered` remembers each image's digest and extreme values, so a start reads only the
images that neither the service's check nor an earlier training has read.

A file appears in one step, flushed to disk, with its space reserved beforehand. Every change of the folder happens
under `cache/lock`: of two trainings that begin at once one decodes and the other waits, and an unfinished file that is
found there is left over from a killed one. A file in use is flocked in shared mode through its mapping. To make room,
files that are not locked are removed, the least recently used first. If the folder cannot be used (the cap, the disk,
its file system), the log says so, and the images are decoded in each epoch.

More than 8 bits per channel
----------------------------
Nothing in a 16-bit file says whether it uses 8, 10, 12, 14 or 16 bits, and floats have no range at all. So `prepare`
decodes every such image of every split once, before torch is imported, and measures its lowest and highest value and
its 1st and 99th percentile. `trainer.dataset.valuerange` finds one range for all. It measures every image and not a
sample, so that no image lies outside. Of 8-bit images only the header is read, or all pixels with
`data.skip_unreadable`.

A later image may lie outside the range. Its values are cut off, with a warning if only one grey level is left. A
resumed training must have the range of its checkpoint. Pillow reads only the high bytes of 16-bit colour, so
`trainer.dataset.decoding` reads such a file again with the other byte order to get the low bytes.
"""
