"""The whole scene in linear light, before any camera has seen it."""

from __future__ import annotations

import numpy as np

from mfclip_sample.draw import body, features, hair, head
from mfclip_sample.draw.backdrop import backdrop
from mfclip_sample.draw.grid import Picture, View, column
from mfclip_sample.draw.person import Person
from mfclip_sample.draw.photo import Photo
from mfclip_sample.randomness import stream


def draw_scene(person: Person, photo: Photo, side: int) -> Picture:
    """(3, side, side), linear light, mostly 0-1; the same arguments give the same bits."""
    view = View(side, photo.pose)
    scene = backdrop(stream(photo.key, "backdrop"), side)
    skin = head.skin_surface(view, person, stream(photo.key, "skin"))
    hair.behind(scene, view, person, photo.key)
    body.neck(scene, view, skin, person.chin)
    body.clothes(scene, view, stream(photo.key, "clothes"))
    head.ears(scene, view, person, skin)
    head.face(scene, view, person, skin)
    _draw_features(scene, view, person, photo)
    hair.before(scene, view, person, photo.key)
    features.glasses(scene, view, person)
    return _lit(scene, view, photo)


def _draw_features(scene: Picture, view: View, person: Person, photo: Photo) -> None:
    now = photo.expression
    head.marks_of_age(scene, view, person, now.smile)
    if person.beard:
        head.beard(scene, view, person, stream(photo.key, "beard"))
    features.nose(scene, view, person, photo.light.direction[0])
    features.mouth(scene, view, person, now)
    head.shine(scene, view, person, photo.light)
    features.eyes(scene, view, person, now)
    features.brows(scene, view, person, now)


def _lit(scene: Picture, view: View, photo: Photo) -> Picture:
    """Light everything: the head as a rounded surface, the rest evenly."""
    light = photo.light
    falls = head.lighting(view.body, light) * np.float32(light.exposure)
    scene *= falls * column(light.tint)
    return np.maximum(scene, 0)
