"""What a detector looks at in one image of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mfclip.explain.attribution import MapSettings
from mfclip.explain.cards import Look, Workbench
from mfclip.explain.detectors import Named
from mfclip.explain.texture import texture_reader
from mfclip.pages.pictures import data_uri

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

    from mfclip.explain.texture import PatchEnd


class Patch(NamedTuple):
    """A patch of an image, as a page shows it."""

    box: tuple[float, float, float, float]
    """left, top, right, bottom; pixels of the preprocessed image."""
    homogeneity: float
    """0-1; the smaller, the richer its texture."""
    patch: str
    """Address that holds the picture."""
    noise: str
    """Address that holds the picture of its noise."""


class Explanation(NamedTuple):
    """Pictures of what a detector looks at."""

    heat_map: str
    """Address that holds the picture: orange speaks for fake, blue for real."""
    most_for_fake: float
    """Log-odds that covering the place takes away that speaks most for fake; 0 or above."""
    most_for_real: float
    """The same for real; 0 or below."""
    richest: Patch
    poorest: Patch


class Explainer:
    """Makes heat maps of one detector by covering parts of an image."""

    def __init__(self, named: Named, passes: int) -> None:
        loaded = named.loaded
        self._bench = Workbench(
            detectors=[named],
            texture=texture_reader(
                [(named.name, loaded.predictor.module)],
                loaded.recipe.preprocessing.size,
                loaded.device,
            ),
            methods=("occlusion",),
            settings=MapSettings(passes=passes),
        )

    def __call__(self, image: UInt8[Tensor, "3 height width"]) -> Explanation:
        """Of one decoded image, or of the crop of a face."""
        (look,) = self._bench.looks([image])
        return _shown(look)


def _shown(look: Look) -> Explanation:
    card = look.maps[0]
    assert card.picture is not None, "occlusion fits every detector"
    for_fake, for_real = card.strongest
    return Explanation(
        heat_map=data_uri(card.picture, "png"),
        most_for_fake=for_fake,
        most_for_real=for_real,
        richest=_patch(look.richest),
        poorest=_patch(look.poorest),
    )


def _patch(end: PatchEnd) -> Patch:
    return Patch(end.box, end.homogeneity, data_uri(end.patch, "png"), data_uri(end.noise, "png"))
