"""Read logs of any length."""
