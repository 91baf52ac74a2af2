"""What Lightning trains, and everything around the batches."""
