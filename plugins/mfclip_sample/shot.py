"""One sitting: a person, how they sit, and the camera in front of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mfclip_sample.camera import Camera, draw_camera
from mfclip_sample.draw.grid import Picture, View
from mfclip_sample.draw.person import Person, draw_person
from mfclip_sample.draw.photo import Photo, draw_photo
from mfclip_sample.draw.scene import draw_scene
from mfclip_sample.randomness import Key, stream


@dataclass(frozen=True)
class Shot:
    """Everything a real photo or a forgery of it is made from."""

    person: Person
    photo: Photo
    camera: Camera
    side: int
    """Side of the scene, pixels; even, and larger than the finished picture."""

    @property
    def key(self) -> Key:
        """The photo's key: what a forging pipeline draws its own randomness from."""
        return self.photo.key

    @cached_property
    def scene(self) -> Picture:
        """(3, side, side), linear light."""
        return draw_scene(self.person, self.photo, self.side)

    @cached_property
    def gain(self) -> float:
        """The exposure the camera's meter chose."""
        return self.camera.meter(self.scene)

    def view(self) -> View:
        """The face's coordinates in this picture."""
        return View(self.side, self.photo.pose)

    def photograph(self) -> Picture:
        """The real photo, 0-1 as displayed."""
        return self.camera.photograph(self.scene, self.gain, stream(self.key, "sensor"))

    def show(self) -> Picture:
        """The same picture as if no sensor had taken it, 0-1 as displayed."""
        return self.camera.show(self.scene, self.gain)


def draw_shot(person: Key, photo: Key, side: int) -> Shot:
    """The shot that belongs to a person's and a photo's key."""
    return Shot(draw_person(person), draw_photo(photo), draw_camera(photo), side)
