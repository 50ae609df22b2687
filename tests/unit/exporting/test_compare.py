"""The comparison that an export has to pass, and the pictures it is made on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.errors import DataError, ExportDiffers
from mfclip.exporting.compare import differ, require
from mfclip.exporting.pictures import drawn, given
from mfclip.metrics.operating import OperatingPoints

POINTS = OperatingPoints(threshold=0.5)


def means(images):
    return np.array([float(image.float().mean()) / 255 for image in images])


def levels(*values):
    return [torch.full((3, 4, 4), value, dtype=torch.uint8) for value in values]


def test_the_largest_the_mean_and_other_verdicts_are_told():
    samples = levels(0, 51, 102, 153, 204, 120)

    def other(images):
        return means(images) + np.where(means(images) > 0.45, 0.05, 0.0)

    found = differ(means, other, samples, POINTS, "six images")
    assert found.images == 6
    assert found.largest == pytest.approx(0.05)
    assert found.mean == pytest.approx(0.15 / 6)
    assert found.verdicts == 1  # 120 / 255 is 0.47
    assert str(found).endswith("1 other verdict (six images)")
    require(found, 0.06, "")
    with pytest.raises(ExportDiffers, match=r"of 0\.04\. Nothing was written"):
        require(found, 0.04, "Do this.")


def test_every_sample_is_compared_in_batches_of_several_sizes():
    seen: list[int] = []

    def counted(images):
        seen.append(len(images))
        return means(images)

    differ(counted, means, levels(*range(30)), POINTS)
    assert seen == [1, 2, 3, 8, 8, 8]
    assert sum(seen) == 30


def test_a_nan_is_no_agreement():
    def broken(images):
        return means(images) * np.nan

    for pair in ((means, broken), (broken, means), (broken, broken)):
        found = differ(*pair, levels(1, 2), POINTS)
        assert found.largest == np.inf
        with pytest.raises(ExportDiffers):
            require(found, 1.0, "")


def test_drawn_pictures_are_many_textures_and_sizes_and_the_same_each_time():
    one, other = drawn(None, 64), drawn(None, 64)
    assert all(map(torch.equal, one.samples, other.samples))
    assert len({tuple(image.shape) for image in one.samples}) > 10
    grain = [float(image.float().diff(dim=2).abs().mean()) for image in one.samples]
    assert max(grain) > 2 * min(grain) > 0
    (clip, *_) = drawn(4, 32).samples
    assert clip.shape == (4, 3, 32, 32)


def test_given_pictures_that_cannot_be_scored_are_counted(tmp_path):
    draw = np.random.default_rng(0)
    for number, side in enumerate((40, 30, 8)):
        pixels = draw.integers(0, 255, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    found = given([str(tmp_path)], smallest=16, frames=None)
    assert (len(found.samples), found.left_out) == (2, 1)
    assert found.source == "2 given images"
    with pytest.raises(DataError, match=r"no image to compare on: .*2\.png: too-small"):
        given([str(tmp_path / "2.png")], smallest=16, frames=None)
