"""Print bytes that are no UTF-8, in between and cut short at the end."""

import os

os.write(1, b"caf\xc3\xa9 \xff\xfe latin: caf\xe9\n\x00\x1b[31mred\x1b[0m\n\xe2\x82")
