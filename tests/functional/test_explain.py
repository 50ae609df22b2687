"""mfclip explain from outside, on the tiny bundle and its synthetic images."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def images(sample_manifest: Path) -> list[Path]:
    with sample_manifest.open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] in ("test", "")]
    chosen = [next(row for row in rows if row["label"] == label) for label in ("real", "fake")]
    return [sample_manifest.parent / row["path"] for row in chosen]


@pytest.fixture(scope="module")
def made(command, bundle, workplace, images, sample_manifest):
    broken = workplace / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    blank = workplace / "blank.png"
    Image.new("RGB", (64, 64), "navy").save(blank)
    methods = ("occlusion", "integrated-gradients", "grad-cam")
    return command(
        "mfclip", "explain", bundle, images[0], broken, images[1], blank, "--with", bundle,
        *(word for method in methods for word in ("--method", method)),
        "--data", sample_manifest, "--projection", "pca", "--projection", "tsne",
        "--out", "seen", "--workers", 0, cwd=workplace, code=9,
    )  # fmt: skip


@pytest.fixture(scope="module")
def numbers(made, workplace):
    return json.loads((workplace / "seen" / "explain.json").read_text(encoding="utf-8"))


def test_broken_and_blank_files_are_told_and_end_nothing(made, numbers):
    assert "2 of 4 files could not be explained" in made.stderr
    statuses = [one["status"] for one in numbers["images"]]
    assert statuses == ["ok", "truncated", "ok", "blank"]


def test_numbers_tell_truth_scores_patches_and_maps(numbers):
    assert [one["name"] for one in numbers["detectors"]] == ["tiny", "tiny#2"]
    assert numbers["patches_of"] == "tiny"
    for one in (numbers["images"][0], numbers["images"][2]):
        assert [said["detector"] for said in one["verdicts"]] == ["tiny", "tiny#2"]
        assert one["verdicts"][0]["p_fake"] == one["verdicts"][1]["p_fake"]
        assert 0 < one["richest"]["homogeneity"] < one["poorest"]["homogeneity"] <= 1
        assert len(one["maps"]) == 6
        assert all("reason" not in found for found in one["maps"])
    assert [numbers["images"][i]["truth"]["label"] for i in (0, 2)] == ["real", "fake"]
    assert {"cosine", "gate"} <= set(numbers["similarity"][0])


def test_scores_are_those_of_mfclip_score(numbers, command, bundle, images, workplace):
    done = command("mfclip", "score", bundle, *images, "--format", "jsonl", cwd=workplace)
    scored = [json.loads(line)["p_fake"] for line in done.stdout.splitlines()]
    shown = [numbers["images"][i]["verdicts"][0]["p_fake"] for i in (0, 2)]
    assert shown == pytest.approx(scored, abs=1e-5)


def test_each_image_has_its_pictures_and_values(numbers, workplace):
    folder = workplace / "seen" / numbers["images"][0]["folder"]
    pictures = {file.stem: Image.open(file).size for file in folder.glob("*.png")}
    assert pictures.pop("image") == (64, 64)
    assert {
        pictures.pop(f"{end}{kind}") for end in ("richest", "poorest") for kind in ("", "-noise")
    } == {(32, 32)}
    assert len(pictures) == 6
    values = np.load(folder / "tiny-occlusion.npy")
    assert values.shape == (64, 64)
    assert np.isfinite(values).all()


def test_figures_are_files_of_their_own(made, workplace):
    names = {file.stem for file in (workplace / "seen").glob("*.svg")}
    kinds = ("similarity", "gate", "pca", "tsne")
    assert names == {f"{kind}-{one}" for kind in kinds for one in ("tiny", "tiny#2")}
    for file in (workplace / "seen").glob("*.svg"):
        assert "var(" not in ElementTree.parse(file).getroot().get("fill", "")


def test_the_page_holds_everything_and_loads_nothing(made, workplace):
    text = (workplace / "seen" / "explain.html").read_text(encoding="utf-8")
    assert "default-src 'none'; img-src data:" in text
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not re.search(r"<script|https?:|@import", text)
    assert text.count('<article class="look">') == 2
    assert "broken.png: truncated" in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_patches_alone_need_no_method(command, bundle, images, workplace):
    command(
        "mfclip", "explain", bundle, images[0], "--method", "none", "--out", "bare", cwd=workplace
    )
    (one,) = json.loads((workplace / "bare" / "explain.json").read_text())["images"]
    assert one["maps"] == []
    text = (workplace / "bare" / "explain.html").read_text(encoding="utf-8")
    assert "they need labelled images; give --data" in text


def test_a_folder_of_something_else_is_left_alone(command, bundle, images, workplace, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    done = command(
        "mfclip", "explain", bundle, images[0], "--method", "none", "--out", tmp_path,
        cwd=workplace, code=2,
    )  # fmt: skip
    assert "choose another folder" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]
