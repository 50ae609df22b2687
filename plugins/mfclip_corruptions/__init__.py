"""Image corruptions in five levels: the seven of DeeperForensics-1.0, and JPEG.

One idea a file. Each is a function over a batch, with its levels beside it in
:mod:`mfclip_corruptions.parts`.
"""
