"""Parts for mfclip: a pretrained EfficientNet-Lite0 and a pairwise sigmoid alignment."""
