"""The HTML page for people, with its files."""
