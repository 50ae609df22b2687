"""CLIP towers, built on the classes of open_clip: the baseline of the paper."""
