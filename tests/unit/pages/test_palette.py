"""The page's colours, as people with the two common colour blindnesses see them."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
from skimage.color import rgb2lab

CSS = (files("mfclip.pages") / "page.css").read_text(encoding="utf-8")
THEMES = dict(
    zip(("light", "dark", "print"), re.findall(r":root \{(.*?)\}", CSS, re.S), strict=True)
)
SERIES = [f"series-{i}" for i in range(1, 7)]
SIGHT = {
    "full": np.eye(3),
    # Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}


def linear(name: str, theme: str) -> np.ndarray:
    (found,) = re.findall(rf"--{name}: #(\w+);", THEMES[theme])
    digits = found if len(found) == 6 else "".join(2 * letter for letter in found)
    colour = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def seen(name: str, theme: str, sight: str) -> np.ndarray:
    colour = np.clip(np.asarray(SIGHT[sight]) @ linear(name, theme), 0, 1)
    encoded = np.where(colour <= 0.0031308, 12.92 * colour, 1.055 * colour ** (1 / 2.4) - 0.055)
    return rgb2lab(encoded[None, None])[0, 0]


def contrast(one: str, other: str, theme: str) -> float:
    """WCAG's ratio."""
    luminance = [linear(name, theme) @ [0.2126, 0.7152, 0.0722] + 0.05 for name in (one, other)]
    return max(luminance) / min(luminance)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES)
def test_series_can_be_told_apart(theme, sight):
    distances = {
        pair: np.linalg.norm(seen(pair[0], theme, sight) - seen(pair[1], theme, sight))
        for pair in combinations([*SERIES, "ink"], 2)
    }
    closest = min(distances, key=distances.__getitem__)
    assert distances[closest] > 12, closest


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES)
def test_real_and_fake_are_far_apart(theme, sight):
    assert np.linalg.norm(seen("real", theme, sight) - seen("fake", theme, sight)) > 60


@pytest.mark.parametrize("theme", THEMES)
def test_lines_and_text_stand_out_from_the_paper(theme):
    for name in (*SERIES, "real", "fake"):
        assert contrast(name, "paper", theme) >= 3, name
    for name in ("ink", "muted", "good", "bad"):
        assert contrast(name, "paper", theme) >= 4.5, name
