"""Allocate memory until killed."""

held = []
while True:
    held.append(bytearray(b"x") * 10**6)
