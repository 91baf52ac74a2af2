"""The live updates: the Socket.IO namespace and what stands before it."""
