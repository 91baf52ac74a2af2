"""End within milliseconds, without even the interpreter's shutting down."""

import os

os._exit(0)
