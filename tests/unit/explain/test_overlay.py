from __future__ import annotations

import numpy as np

from mfclip.explain.overlay import boxed, overlay

GREY = np.full((96, 96, 3), 128, dtype=np.uint8)


def test_evidence_for_fake_is_orange_and_for_real_blue():
    values = np.zeros((96, 96))
    values[20:40, 20:40], values[60:80, 60:80] = 2.0, -2.0
    made = overlay(GREY, values).astype(int)
    assert made[30, 30, 0] > made[30, 30, 2] + 60
    assert made[70, 70, 2] > made[70, 70, 0] + 60
    assert len(set(made[30, 70].tolist())) == 1


def test_a_map_of_zeros_has_no_colour():
    made = overlay(GREY, np.zeros((96, 96)))
    assert (made == made[..., :1]).all()


def test_colours_do_not_depend_on_the_maps_unit():
    values = np.random.default_rng(0).normal(size=(96, 96))
    np.testing.assert_array_equal(overlay(GREY, values), overlay(GREY, 1000 * values))


def test_frames_stay_inside_their_patches():
    made = boxed(GREY, (48, 0, 96, 48), (0, 48, 48, 96))
    changed = (made != GREY).any(axis=2)
    assert changed[:48, 48:].any()
    assert changed[48:, :48].any()
    assert not changed[:48, :48].any()
    assert not changed[48:, 48:].any()
    assert not changed[10:38, 58:86].any()
    solid, dashed = changed[0, 48:], changed[48, :48]
    assert solid.all()
    assert 0.3 < dashed.mean() < 0.7
    assert (GREY == 128).all()
