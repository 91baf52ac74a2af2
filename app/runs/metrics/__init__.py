"""Read metrics files: one reader for REST and for following."""
