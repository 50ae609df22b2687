"""``mfclip explain``: from images and detectors to a folder with a page, pictures and numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mfclip.data.manifest import Manifest
from mfclip.errors import UsageError
from mfclip.evaluation.report.figures.embedding import Projection
from mfclip.explain.attribution import MapSettings, Method, require_captum
from mfclip.explain.cards import Card, Failure, Still, Workbench
from mfclip.explain.detectors import Named
from mfclip.explain.drawings import Drawings, make_drawings
from mfclip.explain.films import strongest
from mfclip.explain.page import Page, write_page
from mfclip.explain.texture import NOISE_WHITE, texture_reader
from mfclip.files import replace_folder, write_text
from mfclip.inference.loaded import LoadedDetector
from mfclip.inference.watching import Plan
from mfclip.pages.svg import as_file

PAGE, NUMBERS = "explain.html", "explain.json"


@dataclass(frozen=True)
class ExplainSettings:
    """What to show, and how."""

    methods: tuple[Method, ...] = ("occlusion",)
    """Of the heat maps; none: no heat maps."""
    maps: MapSettings = field(default_factory=MapSettings)
    projections: tuple[Projection, ...] = ("pca",)
    batch_size: int = 24
    workers: int | None = None


class Outcome(NamedTuple):
    """What became of the images."""

    images: int
    failed: int


def explain(
    detectors: Sequence[Named],
    paths: Sequence[Path],
    out: Path,
    settings: ExplainSettings | None = None,
    *,
    data: Manifest | None = None,
    films: Sequence[Path] = (),
    plan: Plan | None = None,
) -> Outcome:
    """Write ``explain.html``, ``explain.json``, and a folder of pictures for each image.

    Parameters
    ----------
    data
        Labelled images: they tell the truth of the images where these are among them, and are
        what matrices and embeddings are made from. Without them, the page has neither.
    films
        Of each, the frames that the first detector scores highest are explained, after the images.
    plan
        Which frames of the films are scored.

    Raises
    ------
    UsageError
        Where there is no image, or ``out`` holds something else than an earlier explanation.
    MissingExtraError
        Where heat maps are asked for and captum is not installed.
    """
    settings = settings or ExplainSettings()
    if not paths and not films:
        raise UsageError("no images to explain")
    for one in detectors:
        if one.loaded.frames is not None:
            raise UsageError(
                f"{one.name} reads clips of {one.loaded.frames} frames; only detectors of single "
                "images can be explained"
            )
    if len({one.loaded.faces for one in detectors}) > 1:
        raise UsageError(
            "these detectors see other crops of a picture: they find faces in other ways, or some "
            "not at all; explain them one by one, or all with --faces or --no-faces"
        )
    if settings.methods:
        require_captum()
    _check_destination(out)
    first = detectors[0].loaded
    modules = [(one.name, one.loaded.predictor.module) for one in detectors]
    bench = Workbench(
        detectors=detectors,
        texture=texture_reader(modules, first.recipe.preprocessing.size, first.device),
        methods=settings.methods,
        settings=settings.maps,
        truth={data.file(row).resolve(): row.label for row in data.rows} if data else {},
    )
    with replace_folder(out) as staged:
        drawings = make_drawings(
            detectors,
            data,
            projections=settings.projections,
            batch_size=settings.batch_size,
            workers=settings.workers,
        )
        for name, drawing in drawings.all():
            write_text(staged / f"{name}.svg", as_file(drawing))
        record = _Record(bench, settings, drawings)
        cards = bench.cards(paths, batch_size=settings.batch_size, workers=settings.workers)
        stills, failures = _of_films(first, films, plan or Plan(), settings.batch_size, len(paths))
        more = bench.stills(stills, len(paths) + len(failures), batch_size=settings.batch_size)
        cards = chain(cards, failures, more)
        total = len(paths) + len(failures) + len(stills)
        page = Page(bench=bench, images=total, drawings=drawings)
        write_page(staged / PAGE, page, record.keeping(cards, staged))
        write_text(staged / NUMBERS, json.dumps(record.as_json(), indent=1, ensure_ascii=False))
    return Outcome(total, record.failed)


def _of_films(
    loaded: LoadedDetector, films: Sequence[Path], plan: Plan, batch_size: int, start: int
) -> tuple[list[Still], list[Failure]]:
    """What there is to explain of each film, and the films that have no verdict."""
    stills: list[Still] = []
    failures: list[Failure] = []
    for film in films:
        found = strongest(loaded, film, plan, batch_size=batch_size)
        if isinstance(found, Failure):
            failures.append(replace(found, number=start + len(failures) + 1))
        else:
            stills += found
    return stills, failures


def _check_destination(out: Path) -> None:
    """Everything in there is replaced, so it must be ours."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; the explanation is a folder")
    if out.exists() and any(out.iterdir()) and not (out / NUMBERS).is_file():
        raise UsageError(
            f"{out} holds something else than an earlier explanation, which would be lost; "
            "choose another folder with --out"
        )


@dataclass
class _Record:
    """Writes the pictures as the cards pass by, and keeps the numbers."""

    bench: Workbench
    settings: ExplainSettings
    drawings: Drawings
    images: list[dict[str, Any]] = field(default_factory=list)
    failed: int = 0

    def keeping(self, cards: Iterator[Card | Failure], folder: Path) -> Iterator[Card | Failure]:
        """The same cards."""
        for card in cards:
            if isinstance(card, Failure):
                self.failed += 1
                told = {"status": card.status.value, "reason": card.reason}
                self.images.append({"path": str(card.path), **told})
            else:
                _write_pictures(folder / card.folder, card)
                self.images.append(_numbers(card))
            yield card

    def as_json(self) -> dict[str, Any]:
        from mfclip.version import __version__

        return {
            "mfclip": __version__,
            "detectors": [_described(one) for one in self.bench.detectors],
            "patches_of": self.bench.texture.owner or None,
            "noise_white": NOISE_WHITE,
            "methods": list(self.settings.methods),
            "maps": asdict(self.settings.maps),
            "images": self.images,
            "similarity": self.drawings.numbers,
        }


def _described(one: Named) -> dict[str, Any]:
    from mfclip.compute.precision import precision_name

    loaded = one.loaded
    return {
        "name": one.name,
        "folder": str(loaded.bundle.folder),
        "recipe": loaded.recipe.name,
        "assembly": loaded.recipe.assembly,
        "size": loaded.recipe.preprocessing.size,
        "threshold": loaded.threshold,
        "precision": precision_name(one.judge.arithmetic.used),
        "weights_sha256": loaded.bundle.about.weights_sha256,
    }


def _numbers(card: Card) -> dict[str, Any]:
    look = card.look
    return {
        "path": str(card.path),
        "status": "ok",
        "folder": card.folder,
        "note": card.note,
        "truth": asdict(card.truth) if card.truth else None,
        "verdicts": [asdict(one) for one in look.verdicts],
        **{
            name: {
                "box": end.box,
                "homogeneity": end.homogeneity,
                "noise_rms": end.noise_rms,
            }
            for name, end in (("richest", look.richest), ("poorest", look.poorest))
        },
        "maps": [one.numbers for one in look.maps],
    }


def _write_pictures(folder: Path, card: Card) -> None:
    """PNG files, and the maps' values as float32 arrays."""
    from PIL import Image

    folder.mkdir()
    look = card.look
    pictures = {
        "image": look.picture,
        "richest": look.richest.patch,
        "richest-noise": look.richest.noise,
        "poorest": look.poorest.patch,
        "poorest-noise": look.poorest.noise,
    }
    for one in look.maps:
        if one.map is not None and one.picture is not None:
            name = f"{one.detector}-{one.method}"
            pictures[name] = one.picture
            np.save(folder / f"{name}.npy", one.map.values.astype(np.float32))
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
