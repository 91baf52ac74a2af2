"""The domain. It imports no Flask, no Socket.IO and no marshmallow."""
