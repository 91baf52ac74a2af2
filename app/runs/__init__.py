"""The domain: it knows no Flask, no Socket.IO and no marshmallow."""
