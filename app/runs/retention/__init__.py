"""What runs cost in disk space, and how that space comes back.

`sizes` measures runs. `trash` keeps deleted runs for a day, and `expiry` removes them after that.
"""
