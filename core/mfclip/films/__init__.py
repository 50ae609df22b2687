"""Films: opened, decoded frame by frame, faces followed through them, and written."""
