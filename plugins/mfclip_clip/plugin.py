"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Encoder, Input
from mfclip_clip.parts import ClipFeatures, ClipText, ClipVit


@hookimpl
def mfclip_encoders() -> list[type[Encoder]]:
    """CLIP's image and text tower."""
    return [ClipVit, ClipText]


@hookimpl
def mfclip_inputs() -> list[type[Input]]:
    """What a frozen image tower says of an image."""
    return [ClipFeatures]
