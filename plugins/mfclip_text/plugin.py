"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Encoder, Prompts
from mfclip_text.parts import Fle, HierarchicalPrompts


@hookimpl
def mfclip_encoders() -> list[type[Encoder]]:
    """The fine-grained language encoder."""
    return [Fle]


@hookimpl
def mfclip_prompts() -> list[type[Prompts]]:
    """The fine-grained text generator."""
    return [HierarchicalPrompts]
