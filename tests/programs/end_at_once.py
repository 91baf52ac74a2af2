"""Exit within milliseconds, without the interpreter's shutdown."""

import os

os._exit(0)
