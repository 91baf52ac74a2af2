"""What the service tells about runs and models, as plain dictionaries."""
