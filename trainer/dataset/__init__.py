"""Datasets on disk: folders, image files and their pixels. No torch."""
