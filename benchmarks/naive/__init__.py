"""The yardstick: each path written the plain way, in fp32 and one sample at a time.

`vision.py` is the vision side; the other paths stand beside it, one file each. All take our own
modules with their weights, so that a benchmark can first check that both ways agree.
"""
