"""Attribute edits: another haircut, a smile, glasses, a beard, more years."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import ndimage

from mfclip_sample.draw.grid import Picture, Plane
from mfclip_sample.draw.person import draw_glasses, draw_hair, draw_lip_colour
from mfclip_sample.draw.photo import draw_expression
from mfclip_sample.shot import Shot

Edit = Callable[[Shot, np.random.Generator], Shot]


def edited(shot: Shot, rng: np.random.Generator) -> Shot:
    """The same shot with one attribute of the person changed; everything else stays."""
    return EDITS[rng.integers(len(EDITS))](shot, rng)


def changed_region(before: Picture, after: Picture, reach: int) -> Plane:
    """Soft mask (h, w), 0-1, of what an edit changed, widened by ``reach`` pixels."""
    change = np.abs(after - before).max(axis=0) > 0.02
    window = 2 * reach + 1
    near = ndimage.uniform_filter(change.astype(np.float32), window)
    solid = (near > 0.5 / window**2).astype(np.float32)
    soft: Plane = ndimage.uniform_filter(ndimage.uniform_filter(solid, reach), reach)
    return soft


def _haircut(shot: Shot, rng: np.random.Generator) -> Shot:
    return replace(shot, person=replace(shot.person, hair=draw_hair(rng)))


def _expression(shot: Shot, rng: np.random.Generator) -> Shot:
    now = shot.photo.expression
    smile = now.smile + 0.5 if now.smile < 0.5 else now.smile - 0.5
    mouth = replace(now, smile=smile, mouth_open=draw_expression(rng).mouth_open)
    person = replace(shot.person, lip_colour=draw_lip_colour(rng, shot.person.skin))
    return replace(shot, person=person, photo=replace(shot.photo, expression=mouth))


def _glasses(shot: Shot, rng: np.random.Generator) -> Shot:
    frame = None if shot.person.glasses else draw_glasses(rng)
    return replace(shot, person=replace(shot.person, glasses=frame))


def _beard(shot: Shot, rng: np.random.Generator) -> Shot:
    beard = 0.0 if shot.person.beard else rng.uniform(0.5, 1)
    return replace(shot, person=replace(shot.person, beard=beard))


EDITS: tuple[Edit, ...] = (_haircut, _expression, _glasses, _beard)
