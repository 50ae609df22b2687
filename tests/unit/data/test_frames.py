"""Frames of one file, against Pillow's own reading of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from mfclip.data.frames import by_frame, evenly, read_sample
from mfclip.data.images import ImageError, ImageStatus
from mfclip.data.loader import scoring_stream

FORMS = {"gif": {}, "webp": {"lossless": True}, "png": {}, "tiff": {}}


@pytest.fixture
def clip(tmp_path):
    """Writes so many frames, each of one grey level and with a mark at its place."""

    def write(form: str, count: int, sizes=(32,)):
        frames = []
        for place in range(count):
            size = sizes[place % len(sizes)]
            pixels = np.full((size, size, 3), 10 * place, dtype=np.uint8)
            pixels[place, place] = 255
            frames.append(Image.fromarray(pixels))
        file = tmp_path / f"clip.{form}"
        frames[0].save(file, save_all=True, append_images=frames[1:], duration=40, **FORMS[form])
        return file

    return write


@pytest.mark.parametrize("form", FORMS)
def test_frames_are_those_that_pillow_shows_one_by_one(form, clip):
    file = clip(form, 12)
    pixels, note = read_sample(file, 4)
    with Image.open(file) as image:
        every = [np.asarray(one.convert("RGB")) for one in ImageSequence.Iterator(image)]
    assert note == "4 of 12 frames"
    assert len(every) == 12
    assert np.array_equal(pixels, np.stack([every[place] for place in (1, 4, 7, 10)]))


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(12, 4, [1, 4, 7, 10]), (7, 1, [3]), (3, 3, [0, 1, 2]), (2, 4, [0, 0, 1, 1]), (1, 2, [0, 0])],
)
def test_frames_are_evenly_spaced(total, count, expected):
    assert evenly(total, count) == expected


@pytest.mark.parametrize("total", range(1, 40))
def test_the_ends_are_equally_far(total):
    """As many frames lie before the first as behind the last, within the one of rounding."""
    for count in range(1, total + 1):
        places = evenly(total, count)
        assert len(set(places)) == count
        assert abs(places[0] - (total - 1 - places[-1])) <= 1
        steps = np.diff(places)
        assert len(steps) == 0 or steps.max() - steps.min() <= 1


def test_a_still_image_is_taken_as_often_as_asked(clip):
    pixels, note = read_sample(clip("png", 1), 3)
    assert pixels.shape == (3, 32, 32, 3)
    assert note == "one image, taken 3 times"


def test_pages_of_several_sizes_are_no_clip(clip):
    with pytest.raises(ImageError, match="several sizes") as caught:
        read_sample(clip("tiff", 4, sizes=(32, 40)), 4)
    assert caught.value.status is ImageStatus.UNSUPPORTED_FORMAT


def test_damage_in_a_later_frame_is_told(clip):
    file = clip("gif", 12)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    with pytest.raises(ImageError) as caught:
        read_sample(file, 12)
    assert caught.value.status is ImageStatus.TRUNCATED
    assert read_sample(file, None).pixels.shape == (32, 32, 3)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_gives_clips(clip, tmp_path, workers):
    file = clip("gif", 12)
    paths = [file, tmp_path / "absent.gif", file]
    found = list(scoring_stream(iter(paths), batch_size=2, workers=workers, smallest=16, frames=5))
    images = [image for batch in found for image in batch.images]
    assert [tuple(image.shape) for image in images] == [(5, 3, 32, 32)] * 2
    assert found[0].reasons[0] == "5 of 12 frames"
    expected = np.moveaxis(read_sample(file, 5).pixels, -1, 1)
    assert np.array_equal(images[1].numpy(), expected)


def test_a_change_is_applied_to_each_frame():
    sample = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).view(2, 3, 4, 4)
    assert torch.equal(by_frame(lambda frame: frame.flip(-1), sample), sample.flip(-1))
    assert torch.equal(by_frame(lambda frame: frame + 1, sample[0]), sample[0] + 1)
