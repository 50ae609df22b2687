from dataclasses import replace

import numpy as np
import pytest

from mfclip_sample.draw.grid import Pose, View, edge, ellipse, glow, linear, paint
from mfclip_sample.draw.person import draw_hair, draw_person
from mfclip_sample.draw.photo import draw_photo
from mfclip_sample.draw.scene import draw_scene
from mfclip_sample.draw.texture import grain, smooth_noise, strands
from mfclip_sample.randomness import stream

SIDE = 96


def test_streams_depend_on_key_and_purpose_alone() -> None:
    first = stream((1, 2), "skin").random(4)
    assert np.array_equal(first, stream((1, 2), "skin").random(4))
    assert not np.array_equal(first, stream((1, 2), "hair").random(4))
    assert not np.array_equal(first, stream((1, 3), "skin").random(4))


@pytest.mark.parametrize("key", range(8))
def test_a_scene_is_light_in_single_precision(key: int) -> None:
    scene = draw_scene(draw_person((0, key)), draw_photo((1, key)), SIDE)
    assert scene.shape == (3, SIDE, SIDE)
    assert scene.dtype == np.float32
    assert np.isfinite(scene).all()
    assert scene.min() >= 0
    assert 0.02 < scene.mean() < 0.8


def test_the_same_keys_draw_the_same_bits() -> None:
    first, second = (draw_scene(draw_person((3,)), draw_photo((4,)), SIDE) for _ in "12")
    assert np.array_equal(first, second)


def test_another_haircut_leaves_the_rest_as_it_was() -> None:
    person, photo = draw_person((3,)), draw_photo((4,))
    cropped = replace(person.hair, length=0.0, fringe=False)
    combed = replace(cropped, parting=-person.hair.parting)
    one, two = (draw_scene(replace(person, hair=hair), photo, SIDE) for hair in (cropped, combed))
    changed = np.abs(one - two).max(axis=0) > 0
    face = View(SIDE, photo.pose).face
    assert changed.any()
    assert not changed[face.y > 0.5].any()


def test_photos_of_one_person_differ_less_in_skin_than_people_do() -> None:
    tones = np.array([draw_person((key,)).skin for key in range(60)])
    assert tones.max(axis=0)[1] > 4 * tones.min(axis=0)[1]
    assert draw_person((7,)) == draw_person((7,))
    assert len({draw_person((key,)).hair for key in range(20)}) == 20


def test_short_hair_can_be_asked_for() -> None:
    lengths = [draw_hair(stream((key,), "hair"), long=0).length for key in range(50)]
    assert max(lengths) < 0.3


@pytest.mark.parametrize("roll", [-0.3, 0.0, 0.4])
def test_windows_hold_the_whole_box(roll: float) -> None:
    view = View(SIDE, Pose(roll=roll, yaw=0.6, pitch=-0.3))
    inside = (np.abs(view.face.x) < 0.4) & (np.abs(view.face.y - 0.2) < 0.3)
    window = view.on_face(-0.4, 0.4, -0.1, 0.5)
    seen = np.zeros_like(inside)
    seen[window.rows, window.columns] = True
    assert inside.sum() > 100
    assert not (inside & ~seen).any()
    assert seen.sum() < 5 * inside.sum()


def test_a_window_beyond_the_picture_is_a_rim_of_it() -> None:
    window = View(SIDE, Pose()).on_body(50, 60, 50, 60)
    assert window.x.shape == (1, 1)


def test_an_ellipse_covers_its_area() -> None:
    view = View(200, Pose(scale=0.25))
    area = ellipse(view.body, (0.1, -0.1), (0.5, 0.8)).sum(dtype=np.float64) * view.body.pixel**2
    assert area == pytest.approx(np.pi * 0.5 * 0.8, rel=0.01)


def test_a_glow_is_one_in_its_middle_and_nothing_outside() -> None:
    grid = View(200, Pose(centre=(0.5025, 0.5025))).body
    bump = glow(grid, (0.0, 0.0), (0.5, 0.5))
    assert bump[100, 100] == pytest.approx(1, abs=1e-3)
    assert bump[np.hypot(grid.x, grid.y) > 0.5].max() == 0


def test_edges_are_half_covered_on_the_line() -> None:
    distance = np.array([-1, -0.05, 0, 0.05, 1], np.float32)
    assert edge(distance, 0.2) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_paint_mixes_by_coverage() -> None:
    view = View(8, Pose())
    scene = np.zeros((3, 8, 8), np.float32)
    paint(scene, view.body, (1.0, 0.5, 0.0), np.full((8, 8), 0.5, np.float32))
    assert scene[:, 0, 0] == pytest.approx([0.5, 0.25, 0])


def test_display_colours_become_linear_light() -> None:
    assert linear("ff0080") == pytest.approx((1, 0, (128 / 255) ** 2.2))


def test_textures_have_the_stated_strength() -> None:
    rng = stream((), "test")
    fine, coarse = grain(rng, (200, 200)), smooth_noise(rng, (200, 200), 30)
    ramp = np.broadcast_to(np.linspace(-1, 1, 4000, dtype=np.float32), (2, 4000))
    hair = strands(rng, ramp, 0.004)
    assert fine.std() == pytest.approx(1, abs=0.05)
    assert fine.mean() == pytest.approx(0, abs=0.02)
    assert coarse.std() == pytest.approx(1, abs=0.2)
    assert hair.std() == pytest.approx(0.82, abs=0.1)
    assert np.array_equal(hair[0], hair[1])
