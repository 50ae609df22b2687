"""The hooks through which plugins offer parts.

A plugin is a module named by an entry point of the group ``mfclip``. Each hook returns part
classes (not instances); nothing is imported beyond what declaring the schemas takes.

A plugin may say for which version of the hooks it was written: ``MFCLIP_HOOKS = 1``. It is then
refused by name where another version is installed, and not by whatever breaks first.
"""

import pluggy

from mfclip.parts import (
    Alignment,
    Corruption,
    Dataset,
    Detector,
    Encoder,
    Input,
    Locator,
    Loss,
    Prompts,
    PseudoFake,
)

VERSION = 1
"""Version of the hooks and of the bases of parts; a higher one breaks plugins for a lower one."""
PROJECT = "mfclip"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mfclip_encoders() -> list[type[Encoder]]:  # type: ignore[empty-body]
    """Image, noise and text encoders."""


@hookspec
def mfclip_prompts() -> list[type[Prompts]]:  # type: ignore[empty-body]
    """Ways to turn a hierarchical label into sentences."""


@hookspec
def mfclip_alignments() -> list[type[Alignment]]:  # type: ignore[empty-body]
    """Ways to compare a batch of visual with a batch of text embeddings."""


@hookspec
def mfclip_losses() -> list[type[Loss]]:  # type: ignore[empty-body]
    """Terms of the training objective."""


@hookspec
def mfclip_detectors() -> list[type[Detector]]:  # type: ignore[empty-body]
    """Whole detectors that are not made of a vision and a text encoder."""


@hookspec
def mfclip_datasets() -> list[type[Dataset]]:  # type: ignore[empty-body]
    """Readers of data sets."""


@hookspec
def mfclip_corruptions() -> list[type[Corruption]]:  # type: ignore[empty-body]
    """Image corruptions with five levels of severity."""


@hookspec
def mfclip_inputs() -> list[type[Input]]:  # type: ignore[empty-body]
    """Inputs beside the image, made once and kept: masks, maps, reconstructions."""


@hookspec
def mfclip_pseudo_fakes() -> list[type[PseudoFake]]:  # type: ignore[empty-body]
    """Fakes made of the real training images while a detector is trained."""


@hookspec
def mfclip_locators() -> list[type[Locator]]:  # type: ignore[empty-body]
    """What finds the faces in a picture."""


HOOKS: dict[str, str] = {
    "mfclip_encoders": "encoder",
    "mfclip_prompts": "prompts",
    "mfclip_alignments": "alignment",
    "mfclip_losses": "loss",
    "mfclip_detectors": "detector",
    "mfclip_datasets": "dataset",
    "mfclip_corruptions": "corruption",
    "mfclip_inputs": "input",
    "mfclip_pseudo_fakes": "pseudo-fake",
    "mfclip_locators": "locator",
}
"""Each hook and the kind of part that it offers."""

ARGUMENTS: dict[str, object] = {}
"""Values of the arguments of hooks, by name; no hook takes one yet.

A hook may gain one within a version: each plugin is handed those that its function asks for.
"""
DEPRECATED: dict[str, str] = {}
"""What goes away with the next version, and what to write instead.

Keys: a hook (``"mfclip_losses"``), an argument of one (``"mfclip_losses(device)"``), or an
attribute of a base of parts (``"Loss.needs"``). A plugin that uses one is warned at the line in
its own file. Nothing is deprecated yet.
"""
