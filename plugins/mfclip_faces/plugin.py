"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Locator
from mfclip_faces.parts import CenterFace


@hookimpl
def mfclip_locators() -> list[type[Locator]]:
    """The one that ships."""
    return [CenterFace]
