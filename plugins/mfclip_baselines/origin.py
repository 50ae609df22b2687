"""Where a system comes from, and how sure each fact about it is. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """What the table of systems in the documents says of one of them."""

    paper: str
    """Authors, short title, where it was published."""
    read: str
    """What its paper, or a description of it, says."""
    inferred: str = ""
    """What follows from that and was not said."""
    unknown: str = ""
    """What was chosen here because nothing says it."""
    supervision: str = "labels"
    """What training needs beside images: labels, masks, counterparts, sentences, a diffusion
    model."""
    without: str = ""
    """What it does where that supervision is absent."""
