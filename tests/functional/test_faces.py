"""Whole pictures through the commands: the shipped locator with a network that is known by heart.

Every red cell of 4 x 4 pixels is a face of 32 x 40 pixels to it, see ``red_network``.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mfclip
from mfclip.errors import UsageError
from mfclip.explain.run import PAGE
from mfclip.inference.points import choose_point

RECIPE = """
recipe = 1
assembly = "cvit-small"

[vision]
channels = [8, 8, 16]
convolutions = [1, 1, 1]
dim = 32
depth = 1
heads = 2
mlp = 32

[preprocessing]
size = 32

[preprocessing.faces]
margin = 0.1
locator = {{ use = "centerface", weights = "{network}" }}

[data]
use = "folder"
root = "data"

[training]
epochs = 1
batch_size = 8

[evaluation]
bootstrap = 100
"""
COLUMNS = (
    "path,p_fake,verdict,threshold,operating_point,status,reason,"
    "face,faces,left,top,right,bottom,face_score,picture_p_fake,picture_verdict"
)


def save(file: Path, cells: list[tuple[int, int]], seed: int) -> None:
    """A picture of 200 x 120 pixels, greenish and grainy, with red cells (row, column)."""
    pixels = np.random.default_rng(seed).integers(80, 200, (120, 200, 3)).astype(np.uint8)
    pixels[..., 0] //= 2
    for row, column in cells:
        pixels[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = (255, 0, 0)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


@pytest.fixture(scope="module")
def place(tmp_path_factory, red_network: Path, command) -> Path:
    """With labelled pictures of one face each, a bundle of them, and photos of none to three."""
    folder = tmp_path_factory.mktemp("faces")
    for number in range(40):
        label = ("real", "fake")[number % 2]
        save(
            folder / "data" / label / f"{number}.png", [(8 + number % 10, 12 + number % 20)], number
        )
    photos = {"a.png": [(10, 10)], "b.png": [(8, 8), (15, 30), (9, 42)], "c.png": []}
    for number, (name, cells) in enumerate(photos.items()):
        save(folder / "photos" / name, cells, 100 + number)
    (folder / "recipe.toml").write_text(RECIPE.format(network=red_network))
    command("mfclip-build", "--recipe", "recipe.toml", "--out", "bundle", cwd=folder)
    return folder


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_a_picture_has_a_row_for_each_face(place: Path, command) -> None:
    done = command("mfclip", "score", "bundle", "photos", "--format", "csv", cwd=place, code=9)
    assert done.stdout.splitlines()[0] == COLUMNS
    rows = rows_of(done.stdout)
    assert [(Path(row["path"]).name, row["face"], row["faces"]) for row in rows] == [
        ("a.png", "1", "1"),
        ("b.png", "1", "3"),
        ("b.png", "2", "3"),
        ("b.png", "3", "3"),
        ("c.png", "", "0"),
    ]
    first = rows[0]
    assert [float(first[side]) for side in ("left", "top", "right", "bottom")] == [27, 21, 59, 61]
    of_b = rows[1:4]
    assert {row["picture_p_fake"] for row in of_b} == {max(row["p_fake"] for row in of_b)}
    assert rows[4]["status"] == "no-face"
    assert rows[4]["p_fake"] == rows[4]["picture_p_fake"] == rows[4]["picture_verdict"] == ""
    assert "1 no-face" in done.stderr
    assert "1 of 3 files could not be scored" in done.stderr


def test_the_card_does_not_say_that_it_takes_crops(place: Path) -> None:
    card = (place / "bundle/README.md").read_text(encoding="utf-8")
    assert "does not find faces" not in card
    assert "no proof" in card


def test_scores_are_those_of_the_crops(place: Path, command, tmp_path: Path) -> None:
    """The crop is cut here by hand and given to the bundle as one."""
    pixels = np.array(Image.open(place / "photos" / "a.png"))
    crop = pixels[17:65, 19:67]  # 48 pixels about the middle of the box: (43, 41)
    Image.fromarray(crop).save(tmp_path / "crop.png")
    words = ["mfclip", "score", place / "bundle", "--format", "jsonl"]
    whole = command(*words, place / "photos" / "a.png").stdout
    alone = command(*words, tmp_path / "crop.png", "--no-faces").stdout
    assert json.loads(whole)["p_fake"] == pytest.approx(json.loads(alone)["p_fake"], abs=1e-5)
    assert "faces" not in json.loads(alone)


@pytest.mark.parametrize(("form", "kept"), [("csv", 3), ("jsonl", 3)])
def test_a_stopped_run_goes_on_by_whole_pictures(
    place: Path, command, tmp_path: Path, form: str, kept: int
) -> None:
    """It was stopped among the faces of the second picture, in the middle of a row."""
    words = ["mfclip", "score", "bundle", "photos", "--batch-size", "1"]
    whole, out = tmp_path / f"whole.{form}", tmp_path / f"cut.{form}"
    command(*words, "--out", whole, cwd=place, code=9)
    lines = whole.read_text().splitlines(keepends=True)
    partial = Path(f"{out}.partial")
    partial.mkdir()
    (partial / "rows").write_text("".join(lines[:kept]) + lines[kept][:5])
    (partial / "run.json").write_text(json.dumps(conditions(form, place)))
    done = command(*words, "--out", out, "--resume", cwd=place, code=9)
    assert out.read_text() == whole.read_text()
    assert "3 files: 1 no-face, 2 " in done.stderr


def conditions(form: Any, place: Path) -> dict[str, Any]:
    """What a run was made with, as it stands in one that could not end."""
    from mfclip.cli.score import Job, _conditions
    from mfclip.cli.score_films import Films

    loaded = mfclip.load(place / "bundle")
    films = Films(None, None, None, None)
    point = choose_point(loaded.operating, None)
    job = Job(loaded, ["photos"], None, point, 1, None, films, None)
    return {**_conditions(job, form), "folder": str(place)}


def test_a_detector_of_crops_scores_whole_pictures(
    bundle: Path, place: Path, red_network: Path, command
) -> None:
    words = ["mfclip", "score", bundle, "photos"]
    network = ["--face-set", f'locator.weights="{red_network}"']
    plain = command(*words, "--format", "csv", cwd=place)
    assert plain.stdout.splitlines()[0] == COLUMNS.partition(",face,")[0]
    assert len(rows_of(plain.stdout)) == 3
    small = [*network, "--face-set", "smallest=33"]
    done = command(*words, "--format", "csv", "--faces", *small, cwd=place, code=9)
    assert {row["status"] for row in rows_of(done.stdout)} == {"small-face", "no-face"}
    table = command(*words, "--format", "table", "--faces", *network, cwd=place, code=9).stdout
    assert "a.png face 1 of 1 at 27, 21, 59, 61" in table
    done = command(*words, *network, cwd=place, code=2)
    assert "--face-set says how faces are found; it goes with --faces" in done.stderr
    done = command(*words, "--faces", "--face-set", "margn=0.2", cwd=place, code=3)
    assert "did you mean 'margin'" in done.stderr


def test_how_faces_are_found_is_the_bundles_own(place: Path, red_network: Path) -> None:
    from mfclip.recipe.faces import read_faces

    own = mfclip.load(place / "bundle")
    assert own.faces is not None
    assert own.finder is not None
    assert (own.finder.margin, own.finder.align) == (0.1, False)
    assert mfclip.load(place / "bundle", faces=False).finder is None
    assert mfclip.load(place / "bundle", faces=True).faces == own.faces
    other = read_faces([f'locator.weights="{red_network}"', "margin=0.4"])
    with pytest.raises(UsageError, match="in a way of its own"):
        mfclip.load(place / "bundle", faces=other)


def test_a_bundle_asks_for_the_network_it_was_built_with(
    place: Path, red_network: Path, command
) -> None:
    saved = red_network.read_bytes()
    try:
        red_network.write_bytes(saved + b"\n")
        done = command("mfclip", "score", place / "bundle", place / "photos", code=6)
        assert "preprocessing.faces.locator was built with the weights 'red.onnx'" in done.stderr
    finally:
        red_network.write_bytes(saved)


def test_evaluate_and_explain_see_the_largest_face(place: Path, command, tmp_path: Path) -> None:
    done = command(
        *("mfclip", "evaluate", "bundle", "--data", "data", "--split", "all"),
        *("--out", tmp_path / "evaluation"),
        cwd=place,
        code=None,
    )
    assert done.returncode == 0, done.stderr
    words = [
        "mfclip",
        "explain",
        "bundle",
        "photos",
        "--method",
        "none",
        "--out",
        tmp_path / "page",
    ]
    done = command(*words, cwd=place, code=9)
    assert "1 of 3 files could not be explained" in done.stderr
    assert "no-face" in (tmp_path / "page" / PAGE).read_text()


def test_a_detector_of_crops_explains_whole_pictures(
    bundle: Path, place: Path, red_network: Path, command, tmp_path: Path
) -> None:
    """Beside one that finds faces itself in another way it is refused, and --no-faces allows it."""
    words = ["mfclip", "explain", bundle, "photos", "--method", "none"]
    network = ["--faces", "--face-set", f'locator.weights="{red_network}"']
    done = command(*words, *network, "--out", tmp_path / "page", cwd=place, code=9)
    assert "1 of 3 files could not be explained" in done.stderr
    assert "no-face" in (tmp_path / "page" / PAGE).read_text()
    both = [*words, "--with", "bundle", "--out", tmp_path / "both"]
    done = command(*both, cwd=place, code=2)
    assert "explain them one by one, or all with --faces or --no-faces" in done.stderr
    command(*both, "--no-faces", cwd=place)
    assert (tmp_path / "both" / PAGE).exists()


def test_a_data_set_is_cropped_once(
    place: Path, red_network: Path, command, tmp_path: Path
) -> None:
    save(place / "more" / "real" / "x.png", [(10, 10), (20, 30)], 7)
    save(place / "more" / "fake" / "y.png", [], 8)
    out = tmp_path / "crops"
    words = ["mfclip", "data", "import", "folder", place / "more", "--out", out, "--faces"]
    words += ["--face-set", f'locator.weights="{red_network}"']
    done = command(*words, code=9)
    assert "0 of 1 real and 1 of 1 fake pictures show no face that could be cropped" in done.stderr
    (row,) = rows_of((out / "manifest.csv").read_text())
    assert (row["label"], row["source"]) == ("real", (place / "more/real/x.png").as_posix())
    with Image.open(out / row["path"]) as crop:
        assert crop.size == (52, 52)  # 40 x 1.3
    (lost,) = rows_of((out / "left-out.csv").read_text())
    assert lost["status"] == "no-face"
    command(*words, code=9)  # an earlier import is replaced
    (out / "notes.txt").write_text("mine")
    done = command(*words, code=2)
    assert "holds 'notes.txt', which is not of an earlier import" in done.stderr
    assert (out / "notes.txt").read_text() == "mine"


def test_an_exported_model_finds_the_faces_that_its_bundle_finds(place: Path, command) -> None:
    command("mfclip", "export", "bundle", "faces.onnx", "--to", "onnx", cwd=place)
    words = ("photos", "--format", "csv", "--device", "cpu")
    of_bundle = command(
        *("mfclip", "score", "bundle", *words, "--precision", "fp32"), cwd=place, code=9
    )
    exported = command("mfclip", "score", "faces.onnx", *words, cwd=place, code=9)
    for one, other in zip(rows_of(exported.stdout), rows_of(of_bundle.stdout), strict=True):
        for column in ("p_fake", "picture_p_fake"):
            mine, theirs = one.pop(column), other.pop(column)
            assert (mine == theirs == "") or float(mine) == pytest.approx(float(theirs), abs=1e-3)
        assert one == other
    crops = command("mfclip", "score", "faces.onnx", *words, "--no-faces", cwd=place)
    assert len(rows_of(crops.stdout)) == 3
    said = command("mfclip", "export", "bundle", "folder", "--to", "transformers", cwd=place)
    assert "it takes crops of faces" in said.stderr
