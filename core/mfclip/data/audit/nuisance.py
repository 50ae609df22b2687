"""Check: how well format, size, shape, JPEG quality or brightness alone tell real from fake.

A detector trained on such data learns the files instead of the forgeries, and its figures say
nothing. The AUC is reported overall and inside each group.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from mfclip.data.audit.findings import Finding, first_few
from mfclip.data.audit.probing import Probe
from mfclip.data.audit.quality import Quality
from mfclip.data.images import ImageStatus
from mfclip.data.manifest import Manifest
from mfclip.data.reencode import Reencoder

LOW, HIGH = 0.4, 0.6
"""An AUC outside is a warning, where chance does not explain it."""
DECIDES = 0.95
"""From here on (and below 1 minus it) a property decides the label alone, which is an error."""
MILDEST = 92
"""Highest JPEG quality that is advised for re-encoding."""
_SURE = 2.5
"""Standard errors of a chance AUC that it must be away from one half."""


@dataclass(frozen=True, slots=True)
class Nuisance:
    """A property of the file that a detector should not learn."""

    name: str
    what: str
    category: Callable[[Probe], Hashable]
    """What makes two files alike; None: not known."""
    number: Callable[[Probe], float] | None = None
    """What orders them, where something does."""
    warns: bool = True
    """Whether it is a fault of the data where it tells; else it is only reported."""
    curable: bool = False
    """Whether re-encoding makes it the same for all images."""


def _brightness(found: Probe) -> str | None:
    """In steps of 16 grey levels."""
    if found.brightness is None:
        return None
    step = int(found.brightness) // 16 * 16
    return f"{step}-{step + 15}"


def _kilobytes(found: Probe) -> str:
    """To the next power of two."""
    return f"{2 ** math.ceil(math.log2(max(found.bytes, 1024) / 1024))} kB"


NUISANCES = (
    Nuisance("format", "the file format", lambda found: found.form, curable=True),
    Nuisance(
        "size",
        "the image size",
        lambda found: f"{found.width} x {found.height}",
        lambda found: found.width * found.height,
        curable=True,
    ),
    Nuisance(
        "quality",
        "the JPEG quality",
        lambda found: found.quality,
        lambda found: found.quality.level if found.quality else 0,
        curable=True,
    ),
    # Resizing to a square hides an image's size, but not its shape.
    Nuisance(
        "aspect",
        "the ratio of width to height",
        lambda found: f"{found.width / found.height:.2f}",
        lambda found: found.width / found.height,
        curable=True,
    ),
    Nuisance(
        "brightness",
        "the mean brightness",
        _brightness,
        lambda found: found.brightness or 0.0,
    ),
    # Detectors never see it, and a forgery that is smoother than a photo is smaller by right.
    Nuisance("file-size", "the file's size", _kilobytes, lambda found: found.bytes, warns=False),
)


def check_nuisances(manifest: Manifest, probes: Sequence[Probe]) -> Iterator[Finding]:
    """A warning for each property that tells real from fake, and a note with all the AUCs.

    Where one decides the label alone, the warning is an error.
    """
    told: list[str] = []
    for scope, real, fake in _scopes(manifest, probes):
        for nuisance in NUISANCES:
            known_real, known_fake = _known(nuisance, real), _known(nuisance, fake)
            if not known_real or not known_fake:
                continue
            auc = nuisance_auc(nuisance, known_real, known_fake)
            told.append(f"{scope}, {nuisance.name}: {auc:.2f}")
            if nuisance.warns and _telling(auc, len(known_real), len(known_fake)):
                yield _warning(nuisance, scope, auc, known_real, known_fake)
    if told:
        head = "AUC that properties of the files alone reach (0.5: none): "
        yield Finding("note", "nuisance-auc", head + "; ".join(told[:6]), "", tuple(told))


def nuisance_auc(nuisance: Nuisance, real: Sequence[Probe], fake: Sequence[Probe]) -> float:
    """AUC of the property as a score for fake; the more telling one of two readings.

    As a number, bigger is more fake (so it may be under one half). As a category, the score of
    a value is its share of fakes, counted on one half of the files and used on the other.
    """
    category = nuisance.category
    readings = [_category_auc([category(one) for one in real], [category(one) for one in fake])]
    if nuisance.number is not None:
        number = nuisance.number
        readings.append(rank_auc([number(one) for one in real], [number(one) for one in fake]))
    return max(readings, key=lambda auc: abs(auc - 0.5))


def rank_auc(real: Sequence[float], fake: Sequence[float]) -> float:
    """Probability that a fake scores above a real, ties counting half (Mann-Whitney)."""
    reals, fakes = Counter(real), Counter(fake)
    below, wins = 0, 0.0
    for value in sorted(reals.keys() | fakes.keys()):
        wins += fakes[value] * (below + reals[value] / 2)
        below += reals[value]
    return wins / (len(real) * len(fake))


def _category_auc(real: Sequence[Hashable], fake: Sequence[Hashable]) -> float:
    scores: tuple[list[float], list[float]] = ([], [])
    for start in (0, 1):
        share = _fake_share(real[1 - start :: 2], fake[1 - start :: 2])
        scores[0].extend(share(value) for value in real[start::2])
        scores[1].extend(share(value) for value in fake[start::2])
    return rank_auc(*scores)


def _fake_share(real: Sequence[Hashable], fake: Sequence[Hashable]) -> Callable[[Hashable], float]:
    """For a value its share of fakes, labels weighted alike; one half for unseen values."""
    reals, fakes = Counter(real), Counter(fake)

    def share(value: Hashable) -> float:
        of_real, of_fake = reals[value] / max(1, len(real)), fakes[value] / max(1, len(fake))
        return of_fake / (of_real + of_fake) if of_real + of_fake else 0.5

    return share


def _scopes(
    manifest: Manifest, probes: Sequence[Probe]
) -> Iterator[tuple[str, list[Probe], list[Probe]]]:
    """Name, real and fake files: overall, then each group if there are several."""
    by_group: dict[str, tuple[list[Probe], list[Probe]]] = defaultdict(lambda: ([], []))
    for row, found in zip(manifest.rows, probes, strict=True):
        if found.status is ImageStatus.OK:
            by_group[row.group][row.is_fake].append(found)
    pairs = by_group.values()
    yield "overall", [one for real, _ in pairs for one in real], [f for _, fs in pairs for f in fs]
    if len(by_group) > 1:
        for name, (real, fake) in sorted(by_group.items()):
            yield f"group {name!r}" if name else "no group", real, fake


def _known(nuisance: Nuisance, probes: Sequence[Probe]) -> list[Probe]:
    return [found for found in probes if nuisance.category(found) is not None]


def _telling(auc: float, reals: int, fakes: int) -> bool:
    chance = math.sqrt((reals + fakes + 1) / (12 * reals * fakes))
    return not LOW <= auc <= HIGH and abs(auc - 0.5) > _SURE * chance


def _warning(
    nuisance: Nuisance, scope: str, auc: float, real: Sequence[Probe], fake: Sequence[Probe]
) -> Finding:
    usual = [f"real: {_usual(nuisance, real)}", f"fake: {_usual(nuisance, fake)}"]
    decides = not 1 - DECIDES < auc < DECIDES
    advice = (
        "put real and fake through the same pipeline (same size, format and quality), "
        "or compare inside groups where they went through one"
    )
    if decides and nuisance.curable:
        advice = (
            "bring both through one encoder at one size: "
            f'reencode = "jpeg:{_own_quality([*real, *fake])}" (or "png") under [data]; or {advice}'
        )
    return Finding(
        "error" if decides else "warning",
        f"{nuisance.name}-differs",
        f"{scope}: {nuisance.what} alone tells real from fake with an AUC of {auc:.2f} "
        f"({'; '.join(usual)})",
        advice,
        first_few(usual),
    )


def _own_quality(probes: Sequence[Probe]) -> int:
    """The quality of most of the JPEGs, 92 at most and where there are none.

    An earlier compression shows least through one of the same quality.
    """
    levels = Counter(found.quality.level for found in probes if found.quality)
    return min(MILDEST, levels.most_common(1)[0][0]) if levels else MILDEST


def as_reencoded(found: Probe, reencode: str | None) -> Probe:
    """What there is to tell of a file once its image went through an encoder at a common size."""
    if reencode is None or found.status is not ImageStatus.OK:
        return found
    encoder = Reencoder.named(reencode)
    quality = None if encoder.quality is None else Quality(encoder.quality)
    return replace(found, form=encoder.format, width=1, height=1, quality=quality)


def _usual(nuisance: Nuisance, probes: Sequence[Probe]) -> str:
    """The most frequent values, with their shares."""
    counts = Counter(nuisance.category(found) for found in probes).most_common(3)
    return ", ".join(f"{value} {100 * count / len(probes):.0f} %" for value, count in counts)
