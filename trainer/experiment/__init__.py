"""The experiment file: its sections, read strictly and described. No torch."""
