"""What a training does with a dataset before its first batch. No torch."""
