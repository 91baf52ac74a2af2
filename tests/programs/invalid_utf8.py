"""Print invalid UTF-8: stray bytes in the middle and an incomplete character at the end."""

import os

os.write(1, b"caf\xc3\xa9 \xff\xfe latin: caf\xe9\n\x00\x1b[31mred\x1b[0m\n\xe2\x82")
