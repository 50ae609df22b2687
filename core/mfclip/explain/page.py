"""The page, written as the images are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfclip.explain.attribution import Baseline, Method
from mfclip.explain.cards import Card, Failure, MapCard, Workbench
from mfclip.explain.drawings import Drawings
from mfclip.explain.overlay import FOR_FAKE, FOR_REAL
from mfclip.explain.own_maps import declared
from mfclip.explain.texture import NOISE_WHITE
from mfclip.files import replace_file
from mfclip.pages.template import template

WHAT: dict[Method, str] = {
    "occlusion": "Occlusion: a square is covered and slid over the image; the map is how far the "
    "log-odds of fake fall where it lies. The detector may read another patch meanwhile; the map "
    "shows that too.",
    "integrated-gradients": "Integrated gradients: gradients summed on the way from the baseline. "
    "The map's sum is the difference in log-odds, but for the error that is told; a detector that "
    "picks a patch has jumps, which gradients do not see.",
    "grad-cam": "Grad-CAM: the last convolutional map, weighed by its gradients, with its negative "
    "part kept. It has no unit. An encoder that cuts a patch out is left out.",
}
BASELINES: dict[Baseline, str] = {
    "mean": "the image's mean colour",
    "blur": "the image, strongly blurred",
    "black": "black",
}


@dataclass(frozen=True)
class Page:
    """What the page shows beside the images."""

    bench: Workbench
    images: int
    drawings: Drawings


def write_page(path: Path, page: Page, cards: Iterator[Card | Failure]) -> None:
    """Write it card by card, so that memory holds a batch of images and never all of them."""
    stream = template("mfclip.explain").generate(_context(page, cards))
    with replace_file(path) as staged, staged.open("wb") as file:
        for text in stream:
            # A file name may hold bytes that are no text; it is shown with question marks.
            file.write(text.encode(errors="replace"))


def strength(one: MapCard) -> str:
    """How strong a map's ends are: colours are relative, numbers are not."""
    if one.own and one.map is not None:
        return f"from {one.map.values.min():.2g} to {one.map.values.max():.2g}".replace("-", "−")
    fake, real = one.strongest
    unit = {"occlusion": " log-odds", "integrated-gradients": " log-odds a pixel", "grad-cam": ""}
    told = f"from {real:.2g} to +{fake:.2g}{unit[one.method]}".replace("-", "−", 1 if real else 0)
    if one.map is not None and one.map.error is not None:
        told += f"; error of the sum {abs(one.map.error):.2g}"
    return told


def _context(page: Page, cards: Iterator[Card | Failure]) -> dict[str, Any]:
    from mfclip.version import __version__

    bench, failures = page.bench, list[Failure]()

    def readable() -> Iterator[Card]:
        for card in cards:
            if isinstance(card, Failure):
                failures.append(card)
            else:
                yield card

    return {
        "detectors": bench.detectors,
        "owner": bench.texture.owner,
        "methods": {method: WHAT[method] for method in bench.methods},
        "own": sorted({name for one in bench.detectors for name in declared(one.loaded.recipe)}),
        "baseline": BASELINES[bench.settings.baseline],
        "images": page.images,
        "cards": readable(),
        "failures": failures,
        "drawings": page.drawings,
        "colours": [f"rgb{colour}" for colour in (FOR_REAL, FOR_FAKE)],
        "noise_white": NOISE_WHITE,
        "strength": strength,
        "version": __version__,
    }
