"""The vision side of MFCLIP (III-C): image encoder, noise encoder, and their sum."""
