"""Use memory without end."""

held = []
while True:
    held.append(bytearray(b"x") * 10**6)
