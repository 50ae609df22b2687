from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mfclip.evaluation.report import Sample
from mfclip.evaluation.report.pictures import card
from mfclip.metrics.operating import OperatingPoints
from mfclip.pages.pictures import as_pixels, data_uri

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def decode(uri):
    head, body = uri.split(",")
    return head, np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


@pytest.mark.parametrize(
    "picture",
    [GREY, GREY[:, :, None], GREY / 255, Image.fromarray(GREY), GREY.tolist()],
    ids=["plane", "channel", "float", "pillow", "list"],
)
def test_any_grey_picture_gives_the_same_pixels(picture):
    assert np.array_equal(as_pixels(picture), GREY)


def test_floats_outside_their_range_are_clipped():
    assert as_pixels(np.array([[-1.0, 0.5, 2.0]])).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4, 3), (3, 224, 224), (4, 4, 4)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(ValueError, match="a picture is"):
        as_pixels(np.zeros(shape))


def test_png_keeps_every_pixel():
    colour = np.stack([GREY, GREY[::-1], GREY.T.reshape(3, 4)], axis=2)
    head, pixels = decode(data_uri(colour, "png"))
    assert head == "data:image/png;base64"
    assert np.array_equal(pixels, colour)


def test_photos_are_jpeg():
    head, pixels = decode(data_uri(np.full((8, 8, 3), 90, dtype=np.uint8), "jpeg"))
    assert head == "data:image/jpeg;base64"
    assert np.abs(pixels.astype(int) - 90).max() <= 2


def sample(**values):
    return Sample(**{"name": "a.png", "image": GREY, "p_fake": 0.7, "is_fake": True} | values)


def test_the_verdict_follows_the_fitted_threshold():
    strict = OperatingPoints(threshold=0.8)
    assert card(sample(), OperatingPoints()).right
    assert not card(sample(), strict).right
    assert card(sample(is_fake=False), strict).alt == "real face, judged real with p_fake 0.700"


def test_the_box_is_placed_in_percent():
    box = card(sample(box=(1, 0, 3, 3)), OperatingPoints()).box
    assert box == {"left": "25.000%", "top": "0.000%", "width": "50.000%", "height": "100.000%"}


def test_the_origin_names_what_is_known():
    assert card(sample(generator="g", group="x"), OperatingPoints()).origin == "g · x"
    assert card(sample(group="x"), OperatingPoints()).origin == "x"
    assert card(sample(), OperatingPoints()).origin == ""
