"""From images to batches, on one device or several."""
