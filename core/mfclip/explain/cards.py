"""What is said and shown of each image, batch by batch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from mfclip.data.images import ImageStatus
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.loader import scoring_stream
from mfclip.errors import UsageError
from mfclip.explain.attribution import HeatMap, MapSettings, Method, heat_maps
from mfclip.explain.detectors import Named
from mfclip.explain.overlay import boxed, overlay
from mfclip.explain.own_maps import declared, over_image, own_maps
from mfclip.explain.pictures import Image, as_picture
from mfclip.explain.texture import PatchEnd, TextureReader
from mfclip.inference.predict import Bound


@dataclass(frozen=True)
class Verdict:
    """What one detector says of one image."""

    detector: str
    p_fake: float
    verdict: str
    log_odds: float


@dataclass(frozen=True)
class MapCard:
    """One heat map; without a picture where the method does not fit the detector."""

    detector: str
    method: Method | str
    """How it was made; of a map that the detector itself gives, the output's name."""
    reason: str = ""
    """Why there is none."""
    map: HeatMap | None = None
    picture: Image | None = None
    own: bool = False
    """Whether the detector itself gives it."""

    @property
    def numbers(self) -> dict[str, Any]:
        """For the JSON file."""
        kind = "output" if self.own else "method"
        told: dict[str, Any] = {"detector": self.detector, kind: self.method}
        if self.map is None:
            return {**told, "reason": self.reason}
        if self.own:
            values = self.map.values
            return told | {"smallest": float(values.min()), "largest": float(values.max())}
        told |= {"most_for_fake": self.strongest[0], "most_for_real": self.strongest[1]}
        return told if self.map.error is None else {**told, "completeness_error": self.map.error}

    @property
    def strongest(self) -> tuple[float, float]:
        """The largest value, 0 or above, and the smallest, 0 or below."""
        assert self.map is not None
        values = self.map.values
        return max(0.0, float(values.max())), min(0.0, float(values.min()))


@dataclass(frozen=True)
class Look:
    """What the detectors say and look at."""

    verdicts: tuple[Verdict, ...]
    picture: Image
    """As a detector gets it, with both patches framed."""
    richest: PatchEnd
    poorest: PatchEnd
    maps: tuple[MapCard, ...]


@dataclass(frozen=True)
class Card:
    """One image that could be read."""

    number: int
    """From 1, counting the images that could not be read."""
    path: Path
    truth: HierarchicalLabel | None
    """Where it is known."""
    look: Look
    note: str = ""
    """What there is to say of the file, as "first of 12 frames"; most often nothing."""

    @property
    def folder(self) -> str:
        """Where its files go."""
        return f"{self.number:04d}-{re.sub(r'[^A-Za-z0-9._-]+', '-', self.path.stem)[:60]}"


@dataclass(frozen=True)
class Failure:
    """One image that could not be read, or shows nothing to explain."""

    number: int
    path: Path
    status: ImageStatus
    reason: str


@dataclass(frozen=True)
class Still:
    """A frame of a film, or a face in one."""

    path: Path
    """The film's, with the time in the name: ``film.mp4 at 12.40 s``."""
    pixels: UInt8[Tensor, "3 height width"]
    note: str
    """Which frame it is."""


@dataclass(frozen=True)
class Workbench:
    """Everything that makes cards out of paths."""

    detectors: Sequence[Named]
    texture: TextureReader
    methods: Sequence[Method]
    settings: MapSettings
    truth: Mapping[Path, HierarchicalLabel] = field(default_factory=dict)
    """By resolved path."""

    def cards(
        self, paths: Sequence[Path], *, batch_size: int, workers: int | None
    ) -> Iterator[Card | Failure]:
        """One for each path, in order; no more than a batch of images is in memory."""
        number = 0
        smallest = max(one.loaded.smallest for one in self.detectors)
        stream = scoring_stream(
            paths,
            batch_size=batch_size,
            workers=workers,
            smallest=smallest,
            finder=self.detectors[0].loaded.finder,
        )
        for batch in stream:
            looks = self.looks(batch.images)
            for path, status, reason in zip(
                batch.paths, batch.statuses, batch.reasons, strict=True
            ):
                number += 1
                if status is ImageStatus.OK:
                    yield Card(number, path, self.truth.get(path.resolve()), next(looks), reason)
                else:
                    yield Failure(number, path, status, reason)

    def stills(
        self, stills: Sequence[Still], start: int, *, batch_size: int
    ) -> Iterator[Card | Failure]:
        """One for each frame of a film; ``start``: the number before the first card's."""
        for first in range(0, len(stills), batch_size):
            batch = stills[first : first + batch_size]
            looks = self.looks([still.pixels for still in batch])
            for number, still in enumerate(batch, start + first + 1):
                yield Card(number, still.path, None, next(looks), still.note)

    def looks(self, images: Sequence[Tensor]) -> Iterator[Look]:
        """One for each image of a batch; the heat maps are made as they are asked for."""
        if not images:
            return
        verdicts = [self._verdicts(one, images) for one in self.detectors]
        given = self._input(self._owner(), images)
        for place, (richest, poorest) in enumerate(self.texture.ends(given)):
            yield Look(
                verdicts=tuple(of_one[place] for of_one in verdicts),
                picture=boxed(as_picture(given[place]), richest.box, poorest.box),
                richest=richest,
                poorest=poorest,
                maps=tuple(self._maps(images[place])),
            )

    def _owner(self) -> Named:
        """The detector whose input the patches are cut from."""
        owned = (one for one in self.detectors if one.name == self.texture.owner)
        return next(owned, self.detectors[0])

    def _input(self, one: Named, images: Sequence[Tensor]) -> Tensor:
        predictor = one.loaded.predictor
        return predictor.preprocessor(images, predictor.device)

    def _verdicts(self, one: Named, images: Sequence[Tensor]) -> list[Verdict]:
        log_odds = one.judge.predictor(images)
        operating = one.judge.operating
        return [
            Verdict(one.name, float(p), operating.verdict(float(p)), float(odds))
            for p, odds in zip(operating.p_fake(log_odds), log_odds, strict=True)
        ]

    def _maps(self, image: Tensor) -> Iterator[MapCard]:
        given = [(one, *one.loaded.predictor.prepared([image])) for one in self.detectors]
        for method in self.methods:
            for one, pixels, beside in given:
                yield self._map(one, pixels, beside, method)
        for one, pixels, _ in given:
            yield from self._own_maps(one, image, pixels)

    def _own_maps(self, one: Named, image: Tensor, pixels: Tensor) -> Iterator[MapCard]:
        """What the detector itself gives."""
        names = declared(one.loaded.recipe)
        (found,) = own_maps(one.loaded.predictor, [image], names)
        for name in names:
            if name in found:
                picture = over_image(as_picture(pixels[0]), found[name])
                yield MapCard(one.name, name, map=HeatMap(found[name]), picture=picture, own=True)
            else:
                yield MapCard(one.name, name, reason="given in training only", own=True)

    def _map(
        self, one: Named, pixels: Tensor, beside: Mapping[str, Tensor], method: Method
    ) -> MapCard:
        """A map; where grad-cam finds nothing to weigh, the reason.

        What the detector reads beside the image stays as it is.
        """
        try:
            module = Bound(one.loaded.predictor.module, beside)
            (found,) = heat_maps(module, pixels, method, self.settings)
        except UsageError as error:
            if method != "grad-cam":
                raise
            return MapCard(one.name, method, reason=str(error))
        picture = overlay(as_picture(pixels[0]), np.asarray(found.values))
        return MapCard(one.name, method, map=found, picture=picture)
