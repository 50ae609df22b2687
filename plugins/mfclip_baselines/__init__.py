"""The systems that the paper compares itself with, each beside its own paper.

One file a system holds the network; ``schemas/`` holds, under the same name, what a recipe may set
and where each fact comes from. Backbones are those of timm, transformers and open_clip: what stands
here is what a system adds to them.
"""
