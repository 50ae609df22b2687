"""Face swap: another person's inner face, warped, colour-matched and blended into a photo."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from mfclip_sample.draw.grid import Picture, Plane, glow
from mfclip_sample.draw.person import draw_person
from mfclip_sample.draw.photo import draw_photo
from mfclip_sample.randomness import stream
from mfclip_sample.shot import Shot

CANDIDATES = 6
"""Strangers among whom the donor is chosen."""
Decoder = Callable[[Picture, np.random.Generator], Picture]
"""Regenerates a (3, h, w) picture, 0-1."""


def swap(shot: Shot, decoder: Decoder) -> Picture:
    """The photo with the inner face of a donor who appears in no other picture."""
    target = shot.photograph()
    donor = _donor(shot)
    face = _warped(decoder(donor.show(), stream(shot.key, "decoder")), donor, shot)
    mask = inner_face(shot)
    return target + mask * (_colour_matched(face, target, mask) - target)


def inner_face(shot: Shot) -> Plane:
    """Soft mask (h, w), 0-1: brows to chin, cheek to cheek."""
    bump = glow(shot.view().face, (0.0, 0.35), (1.0, 1.05))
    mask = bump * np.float32(2.5) - np.float32(0.35)
    return np.clip(mask, 0, 1, out=mask)


def _donor(shot: Shot) -> Shot:
    """A stranger of similar complexion, photographed in about the same pose and light."""
    strangers = (draw_person((*shot.key, candidate)) for candidate in range(1, CANDIDATES + 1))
    person = min(strangers, key=lambda other: math.dist(other.skin, shot.person.skin))
    rng = stream(shot.key, "donor")
    own = draw_photo((*shot.key, 0))
    pose = replace(
        own.pose,
        yaw=shot.photo.pose.yaw + rng.normal(0, 0.08),
        pitch=shot.photo.pose.pitch + rng.normal(0, 0.08),
    )
    photo = replace(own, pose=pose, light=shot.photo.light)
    return replace(shot, person=person, photo=photo)


def _warped(face: Picture, donor: Shot, shot: Shot) -> Picture:
    """Move the donor's face to where the target's is."""
    to, fro = donor.photo.pose, shot.photo.pose
    (a, b), (c, d) = matrix = to.matrix(shot.side) @ np.linalg.inv(fro.matrix(shot.side))
    right, down = (np.array(to.centre) - matrix @ np.array(fro.centre)) * shot.side
    size, way = (shot.side, shot.side), (a, b, right, c, d, down)
    affine, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    return np.stack(
        [np.asarray(Image.fromarray(p).transform(size, affine, way, bilinear)) for p in face]
    )


def _colour_matched(face: Picture, target: Picture, mask: Plane) -> Picture:
    """Give the face the target's mean and about its contrast, per channel, under the mask."""
    weight = mask / mask.sum()
    means, deviations = zip(*(_moments(p, weight) for p in (face, target)), strict=True)
    ratio = np.clip(deviations[1] / np.maximum(deviations[0], 1e-3), 0.75, 1.3)
    matched: Picture = (face - means[0]) * ratio + means[1]
    return matched


def _moments(picture: Picture, weight: Plane) -> tuple[Picture, Picture]:
    mean = (picture * weight).sum(axis=(1, 2), keepdims=True)
    spread = ((picture - mean) ** 2 * weight).sum(axis=(1, 2), keepdims=True)
    return mean, np.sqrt(spread)
