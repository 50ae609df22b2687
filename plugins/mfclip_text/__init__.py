"""Hierarchical text prompts (FTG, III-B) and their encoder (FLE, III-D)."""
