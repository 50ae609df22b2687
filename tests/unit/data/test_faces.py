"""Pictures decoded to crops of their faces, in this process and in others."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.data.cropping import crop_faces
from mfclip.data.decoding import decode_batches
from mfclip.data.faces import largest_face
from mfclip.data.images import ImageError, ImageStatus, decode
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.loader import evaluation_loader, scoring_stream
from mfclip.data.manifest import Manifest, Row, read_manifest
from mfclip.errors import DataError
from mfclip.faces.finder import FaceFinder
from mfclip.parts import BuildContext
from mfclip.testing.toys import ToyLocator

FACES = {
    "one.png": [(20, 30, 60, 80)],
    "two.png": [(100, 10, 160, 70), (10, 10, 50, 50)],
    "none.png": [],
    "small.png": [(10, 10, 20, 25)],
    "mixed.png": [(10, 10, 20, 25), (60, 60, 110, 110)],
}
"""Boxes of the red faces in each picture of 200 x 120 pixels."""


@pytest.fixture
def finder() -> FaceFinder:
    return FaceFinder(ToyLocator().build(BuildContext()), margin=0.25, smallest=32)


@pytest.fixture
def paths(tmp_path):
    """The pictures, and a file that is none."""
    random = np.random.default_rng(0)
    for name, boxes in FACES.items():
        pixels = random.integers(60, 200, (120, 200, 3)).astype(np.uint8)
        for left, top, right, bottom in boxes:
            pixels[top:bottom, left:right] = (255, 0, 0)
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no")
    return [tmp_path / name for name in (*FACES, "broken.png")]


def cut(path, box, margin=0.25) -> np.ndarray:
    """What the crop is to be, where it lies inside the picture: worked out here by hand."""
    left, top, right, bottom = box
    side = round(max(right - left, bottom - top) * (1 + 2 * margin))
    x, y = round((left + right - side) / 2), round((top + bottom - side) / 2)
    x, y = max(0, min(x, 200 - side)), max(0, min(y, 120 - side))
    return decode(path)[y : y + side, x : x + side]


@pytest.mark.parametrize("workers", [0, 2])
def test_training_sees_the_largest_face_and_failures_say_why(finder, paths, workers):
    tasks = [paths[:3], paths[3:]]
    first, second = decode_batches(tasks, workers=workers, finder=finder)
    one, two = (image.permute(1, 2, 0).numpy() for image in first.images())
    assert np.array_equal(one, cut(paths[0], FACES["one.png"][0]))
    assert np.array_equal(two, cut(paths[1], FACES["two.png"][0]))
    assert first.failures[2].status == "no-face"
    assert first.faces == {}
    (mixed,) = second.images()
    assert np.array_equal(mixed.permute(1, 2, 0).numpy(), cut(paths[4], FACES["mixed.png"][1]))
    statuses = [str(error.status) for error in second.failures.values()]
    assert statuses == ["small-face", "not-an-image"]
    assert "10 x 15 pixels, and the shortest side that is scored is 32" in str(second.failures[0])


@pytest.mark.parametrize("workers", [0, 2])
def test_scoring_sees_every_face(finder, paths, workers):
    stream = scoring_stream(
        paths, batch_size=4, workers=workers, smallest=16, finder=finder, every=True
    )
    first, second = stream
    assert first.statuses == ["ok", "ok", "no-face", "small-face"]
    assert second.statuses == ["ok", "not-an-image"]
    told = [[str(seen.status) for seen in faces or ()] for faces in first.faces]
    assert told == [["ok"], ["ok", "ok"], [], ["small-face"]]
    assert [len(faces) for faces in second.faces if faces] == [2]
    assert len(first.images) == 3
    assert len(second.images) == 1
    boxes = [seen.face.box for faces in first.faces for seen in faces or ()]
    assert boxes == [*FACES["one.png"], *FACES["two.png"], *FACES["small.png"]]


def test_a_crop_of_one_colour_gets_no_verdict(finder, paths):
    bare = FaceFinder(finder.locate, margin=0.0)
    (batch,) = scoring_stream(paths[1:2], batch_size=4, smallest=16, finder=bare, every=True)
    assert [str(seen.status) for seen in batch.faces[0]] == ["blank", "blank"]  # red all over
    assert batch.images == []
    assert batch.statuses == ["blank"]


def test_evaluation_ends_at_a_picture_without_a_face(finder, paths):
    rows = tuple(Row(path, HierarchicalLabel("real")) for path in paths[:3])
    loader = evaluation_loader(
        Manifest(paths[0].parent, rows), None, batch_size=2, workers=0, finder=finder
    )
    with pytest.raises(ImageError, match=r"none\.png: no-face: no face was found in it"):
        list(loader)


def test_a_picture_in_memory_has_its_largest_face(finder, paths):
    image = torch.from_numpy(decode(paths[1])).permute(2, 0, 1)
    crop = largest_face(finder, image)
    assert np.array_equal(crop.permute(1, 2, 0).numpy(), cut(paths[1], FACES["two.png"][0]))


def test_a_data_set_is_cropped_once(finder, paths, tmp_path):
    fake = HierarchicalLabel("fake", "swap", "gan", "g")
    rows = tuple(
        Row(
            path.relative_to(tmp_path),
            fake if number % 2 else HierarchicalLabel("real"),
            "train",
            f"id{number}",
            further=(("mask", "m.png"),),
        )
        for number, path in enumerate(paths)
    )
    out = tmp_path / "out"
    out.mkdir()
    seen = []
    done = crop_faces(
        Manifest(tmp_path, rows), finder, out, workers=0, progress=lambda *told: seen.append(told)
    )
    assert seen[-1] == (6, 6)
    assert done.columns == ("mask",)
    made = read_manifest(out / "manifest.csv")
    assert [row.identity for row in made] == ["id0", "id1", "id4"]
    assert [row.label for row in made] == [rows[0].label, fake, rows[4].label]
    assert {row.split for row in made} == {"train"}
    assert [dict(row.further)["source"] for row in made] == [
        paths[place].as_posix() for place in (0, 1, 4)
    ]
    first = decode(made.file(made.rows[1]))
    assert np.array_equal(first, cut(paths[1], FACES["two.png"][0]))
    with (out / "left-out.csv").open() as stream:
        left_out = {row["path"]: row["status"] for row in csv.DictReader(stream)}
    assert left_out == {
        paths[2].as_posix(): "no-face",
        paths[3].as_posix(): "small-face",
        paths[5].as_posix(): "not-an-image",
    }
    assert done.left_out[0].error.status is ImageStatus.NO_FACE


def test_a_data_set_without_a_face_is_refused(finder, paths, tmp_path):
    rows = (Row(paths[2], HierarchicalLabel("real")),)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(DataError, match="none of 1 pictures shows a face that can be cropped"):
        crop_faces(Manifest(tmp_path, rows), finder, out, workers=0)
