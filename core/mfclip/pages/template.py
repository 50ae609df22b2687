"""The pages' templates: each room's own over the skeleton, style and macros that all share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfclip.pages.pictures import data_uri
from mfclip.pages.words import magnitude, percent, points, span
from mfclip.text import counted

if TYPE_CHECKING:
    from jinja2 import Template


def template(room: str) -> Template:
    """``page.html.j2`` of a package, which may extend ``base.html.j2`` and import the macros.

    What is filled in is escaped, and a name that is not filled in is an error. The skeleton
    reads ``version``.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(room, "."), PackageLoader("mfclip.pages", ".")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": counted,
        "jpeg": lambda pixels: data_uri(pixels, "jpeg"),
        "magnitude": magnitude,
        "percent": percent,
        "png": lambda pixels: data_uri(pixels, "png"),
        "points": points,
        "span": span,
    }
    return environment.get_template("page.html.j2")
