"""Names of what parts read beside the images.

A part lists names in ``reads``, and its module's ``forward`` is handed those that are there as
keyword arguments, ``-`` and ``.`` written as ``_``. Six names are always known; every other one
is what an *input* part of the recipe gives.

In scoring an image has no truth, no group and no place in a split, so a ``forward`` gives each of
the six a default. An input that is made from the image alone is there in
scoring as in training.
"""

from __future__ import annotations

STANDARD_READS = {
    "label": "(B,), 0 real and 1 fake; only while training",
    "prompt": "(B,), row of the prompt table; only while training, where the recipe has [prompts]",
    "tokens": "(B, S, L), the tokens of each sample's prompt; as `prompt`",
    "progress": "a number 0-1: how much of the training is done; only while training",
    "index": "(B,), row of the training split; only while training",
    "group": "(B,), which `group` of the manifest, 0 the first by name; only while training",
}
"""What every recipe can hand over, and its shape."""


def keyword(name: str) -> str:
    """The argument that a name is handed over as: ``acme.noise-map`` is ``acme_noise_map``."""
    return name.replace("-", "_").replace(".", "_")
