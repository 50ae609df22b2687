"""Face swap: another person's inner face, warped, colour-matched and blended into a photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import ndimage

from mfclip.data.sample.draw.grid import Picture, Plane, glow
from mfclip.data.sample.draw.photo import Photo
from mfclip.data.sample.randomness import stream
from mfclip.data.sample.shot import Shot, draw_shot

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
    return np.clip(bump * np.float32(2.5) - np.float32(0.35), 0, 1)


def _donor(shot: Shot) -> Shot:
    """A stranger, photographed in about the same pose and light."""
    person = (*shot.key, 1)
    donor = draw_shot(person, (*shot.key, 2), shot.side)
    rng = stream(shot.key, "donor")
    pose = replace(
        donor.photo.pose,
        yaw=shot.photo.pose.yaw + rng.normal(0, 0.08),
        pitch=shot.photo.pose.pitch + rng.normal(0, 0.08),
    )
    photo = Photo(donor.key, pose, shot.photo.light, donor.photo.expression)
    return replace(donor, photo=photo, camera=shot.camera)


def _warped(face: Picture, donor: Shot, shot: Shot) -> Picture:
    """Move the donor's face to where the target's is."""
    to, fro = donor.photo.pose, shot.photo.pose
    # Columns come first in a pose and rows in an array: both matrices are flipped.
    matrix = (to.matrix(shot.side) @ np.linalg.inv(fro.matrix(shot.side)))[::-1, ::-1]
    centre, origin = (np.array(pose.centre)[::-1] * shot.side - 0.5 for pose in (to, fro))
    offset = centre - matrix @ origin
    return np.stack(
        [ndimage.affine_transform(c, matrix, offset, order=1, mode="nearest") for c in face]
    )


def _colour_matched(face: Picture, target: Picture, mask: Plane) -> Picture:
    """Give the face the target's mean and half of its contrast, per channel, under the mask."""
    weight = mask / mask.sum()
    means, deviations = zip(*(_moments(p, weight) for p in (face, target)), strict=True)
    ratio = np.clip(deviations[1] / np.maximum(deviations[0], 1e-3), 0.6, 1.6)
    return (face - means[0]) * ratio + means[1]


def _moments(picture: Picture, weight: Plane) -> tuple[Picture, Picture]:
    mean = (picture * weight).sum(axis=(1, 2), keepdims=True)
    spread = ((picture - mean) ** 2 * weight).sum(axis=(1, 2), keepdims=True)
    return mean, np.sqrt(spread)
