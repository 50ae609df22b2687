"""Every form in which an image can be given is the same image; everything else is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.data.images import ImageStatus
from mfclip.errors import UsageError
from mfclip.inference.inputs import each_image


@pytest.fixture
def forms(folder, images):
    """The second picture in every form."""
    image = images[1]
    array = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    return {
        "path": folder / "1.png",
        "text": str(folder / "1.png"),
        "pil": Image.open(folder / "1.png"),
        "array": array,
        "array in steps": np.repeat(array, 2, axis=1)[:, ::2],
        "tensor": image,
        "batch of one": image[None],
        "floats": image.float() / 255,
        "half precision": (image.double() / 255).half(),
        "tuple": (image,),
        "generator": (one for one in [image]),
        "nested": [[array]],
    }


@pytest.mark.parametrize(
    "form",
    [
        *("path", "text", "pil", "array", "array in steps", "tensor", "batch of one"),
        *("floats", "half precision", "tuple", "generator", "nested"),
    ],
)
def test_every_form_is_the_same_image(forms, images, form):
    (given,) = each_image(forms[form])
    assert given.image.dtype == torch.uint8
    assert torch.equal(given.image, images[1])
    assert given.status is ImageStatus.OK
    assert (given.path is not None) == (form in ("path", "text"))


def test_order_is_kept_in_mixtures(forms, images):
    mixed = [forms["path"], images[0], torch.stack([images[2], images[5]]), forms["array"]]
    found = list(each_image(mixed))
    wanted = [images[place] for place in (1, 0, 2, 5, 1)]
    assert all(torch.equal(one.image, two) for one, two in zip(found, wanted, strict=True))


def test_a_pil_image_is_turned_upright_and_made_rgb():
    image = Image.new("L", (4, 2))
    image.putpixel((0, 0), 200)
    image.getexif()[0x0112] = 6  # to be turned right by a quarter
    (given,) = each_image(image)
    assert given.image.shape == (3, 4, 2)
    assert given.image[:, 0, 1].tolist() == [200] * 3
    assert given.image.sum() == 600


def test_a_read_only_array_is_not_touched(recwarn):
    array = np.zeros((4, 4, 3), np.uint8)
    array.flags.writeable = False
    (given,) = each_image(array)
    given.image.add_(1)
    assert not array.any()
    assert not recwarn.list


@pytest.mark.parametrize(
    ("content", "status"), [(None, "missing"), (b"", "empty"), (b"text", "not-an-image")]
)
def test_a_file_that_cannot_be_read_has_a_status(tmp_path, content, status):
    path = tmp_path / "face.jpg"
    if content is not None:
        path.write_bytes(content)
    (given,) = each_image(path)
    assert (given.path, given.image, given.status) == (path, None, ImageStatus(status))
    assert given.reason


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.zeros((4, 4, 3), np.float32), r"float32 \(4, 4, 3\)"),
        (np.zeros((4, 4), np.uint8), r"uint8 \(4, 4\)"),
        (np.zeros((3, 4, 4), np.uint8), r"uint8 \(3, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"uint8 \(0, 4, 3\)"),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), r"torch.uint8 \(4, 4, 3\)"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), r"torch.int64 \(3, 4, 4\)"),
        (torch.zeros(3, 0, 4), r"torch.float32 \(3, 0, 4\)"),
        (torch.full((3, 4, 4), 200.0), "0-1, got 200 to 200"),
        (torch.full((3, 4, 4), float("nan")), "0-1, got nan"),
        (torch.full((3, 4, 4), -0.1), "0-1, got -0.1"),
        (17, "type int"),
        (None, "type NoneType"),
        (b"\xff\xd8\xff", "type bytes"),
        ({"image": 1}, "type dict"),
    ],
)
def test_what_is_no_image_is_refused_with_what_is_allowed(value, said):
    with pytest.raises(UsageError, match=rf"{said}(.|\n)*allowed: a path, a PIL image"):
        list(each_image(value))


def test_an_empty_batch_is_no_image_and_no_error():
    assert list(each_image([])) == list(each_image(torch.zeros(0, 3, 4, 4))) == []
