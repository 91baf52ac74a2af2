"""The two servers that can serve the app, and how each of them starts, reads requests and ends."""
