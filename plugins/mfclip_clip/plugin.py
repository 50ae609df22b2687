"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Encoder
from mfclip_clip.parts import ClipText, ClipVit


@hookimpl
def mfclip_encoders() -> list[type[Encoder]]:
    """CLIP's image and text tower."""
    return [ClipVit, ClipText]
