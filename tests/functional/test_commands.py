"""mfclip's sub-commands from outside."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

HEAVY = (
    "torch", "torchvision", "transformers", "open_clip", "sklearn", "scipy", "matplotlib", "numpy",
)  # fmt: skip


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three good images and three that are none."""
    folder = tmp_path_factory.mktemp("images")
    for number, mode in enumerate(("RGB", "L", "RGBA")):
        Image.effect_noise((80, 60 + number), 40).convert(mode).save(folder / f"{number}.png")
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no picture")
    whole = folder / "cut.jpg"
    Image.effect_noise((80, 80), 40).save(whole)
    whole.write_bytes(whole.read_bytes()[:-400])
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("build_main", ["--help"]),
        ("main", ["--help"]),
        ("main", ["parts"]),
        ("main", ["parts", "--json"]),
        ("main", ["assemblies"]),
        ("main", ["schema"]),
        ("main", ["--version"]),
        ("build_main", ["--recipe", "missing.toml"]),
    ],
)
def test_light_commands_import_nothing_heavy(name: str, words: list[str]) -> None:
    program = (
        f"import sys; sys.argv = {['mfclip', *words]!r}\n"
        f"from mfclip.cli import {name}\n"
        f"try: {name}()\n"
        "except SystemExit: pass\n"
        f"print('heavy:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "heavy: []", done.stdout + done.stderr


def test_wrong_recipe_is_told_without_loading_torch(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('recipe = 1\nassembly = "mfclip"\n[training]\nepochs = 0\n')
    program = (
        f"import sys; sys.argv = ['mfclip-build', '--recipe', {str(recipe)!r}]\n"
        "from mfclip.cli import build_main\n"
        "try: build_main()\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["3", "False"], done.stdout + done.stderr
    assert f"{recipe}:4: training.epochs: " in done.stderr


def test_score_names_every_broken_file_and_goes_on(
    bundle: Path, images: Path, command, tmp_path: Path
) -> None:
    done = command("mfclip", "score", bundle, images, tmp_path / "gone.png", code=9)
    rows = {Path(row["path"]).name: row for row in csv.DictReader(done.stdout.splitlines())}
    assert {name: row["status"] for name, row in rows.items()} == {
        "0.png": "ok",
        "1.png": "ok",
        "2.png": "ok",
        "cut.jpg": "truncated",
        "empty.jpg": "empty",
        "gone.png": "missing",
        "text.jpg": "not-an-image",
    }
    for row in rows.values():
        assert bool(row["p_fake"]) == bool(row["verdict"]) == (row["status"] == "ok")
        if row["p_fake"]:
            fake = float(row["p_fake"]) >= float(row["threshold"])
            assert row["verdict"] == ("fake" if fake else "real")
        assert bool(row["reason"]) == (row["status"] != "ok")
        assert row["operating_point"] == "balanced"
    assert rows["empty.jpg"]["reason"] == "has no bytes"
    assert "4 of 7 files could not be scored" in done.stderr


def test_score_writes_json_lines(bundle: Path, images: Path, command, tmp_path: Path) -> None:
    out = tmp_path / "scores.jsonl"
    command("mfclip", "score", bundle, images / "*.png", "--out", out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [Path(row["path"]).name for row in rows] == ["0.png", "1.png", "2.png"]
    assert all(0 <= row["p_fake"] <= 1 for row in rows)


def test_score_takes_a_threshold_and_says_why_it_cannot(
    bundle: Path, images: Path, command
) -> None:
    words = ["mfclip", "score", bundle, images / "*.png", "--format"]
    done = command(*words, "jsonl", "--threshold", "0.001")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(row["verdict"], row["threshold"], row["operating_point"]) for row in rows} == {
        ("fake", 0.001, "given")
    }
    table = command(*words, "table", "--threshold", "balanced").stdout.splitlines()
    assert table[0].split() == ["P_FAKE", "VERDICT", "THRESHOLD", "POINT", "STATUS", "PATH"]
    done = command(*words, "csv", "--threshold", "fpr-1", code=2)
    assert "'fpr-1' could not be fitted: needs at least 100 real" in done.stderr
    assert "allowed: balanced, a number 0-1" in done.stderr


def test_score_and_explain_count_what_they_leave_out(
    bundle: Path, images: Path, command, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(images, folder, ignore=shutil.ignore_patterns("*.jpg"))
    (folder / "0.png").rename(folder / "photo")
    (folder / "song.mp3").write_bytes(b"ID3\x03\0")
    for name in ("a.txt", "b.TXT", ".DS_Store"):
        (folder / name).write_text("words")
    told = "left out: 2 .txt, 1 .mp3, 1 hidden (no images, no films)"
    done = command("mfclip", "score", bundle, folder)
    assert "photo" in done.stdout
    assert done.stderr.splitlines()[-1] == told
    explained = [
        "mfclip",
        "explain",
        bundle,
        folder,
        "--method",
        "none",
        "--out",
        tmp_path / "page",
    ]
    assert told in command(*explained).stderr.splitlines()
    shutil.rmtree(tmp_path / "page")
    for words in (["mfclip", "score", bundle, folder], explained):
        done = command(*words, "--strict", code=5)
        assert f"  1 .mp3, such as {folder / 'song.mp3'}" in done.stderr
        assert not done.stdout
    assert not (tmp_path / "page").exists()


def test_evaluate_repeats_the_figures_of_the_build(
    bundle: Path, command, tmp_path: Path, sample_manifest: Path
) -> None:
    done = command("mfclip", "evaluate", bundle, "--data", sample_manifest, "--json")
    found, stored = json.loads(done.stdout), json.loads((bundle / "metrics.json").read_text())
    assert found == stored
    assert [row["name"] for row in found["thresholds"]] == ["best balanced accuracy", "0.5"]


@pytest.fixture(scope="module")
def of_bf16(command, workplace: Path) -> Path:
    """The tiny bundle, trained and scored in bfloat16."""
    change, out = ("--set", "training.precision=bf16"), workplace / "runs" / "of-bf16"
    command("mfclip-build", "--recipe", "tiny.toml", *change, "--out", out, cwd=workplace)
    return out


@pytest.mark.parametrize("units", ["yes", "no"])
def test_figures_and_scores_keep_to_the_arithmetic_of_the_build(
    of_bf16: Path, command, tmp_path: Path, sample_manifest: Path, monkeypatch, units: str
) -> None:
    """A CPU with bfloat16 units repeats them; one without says that it cannot."""
    monkeypatch.setenv("MFCLIP_BF16_UNITS", units)
    about = json.loads((of_bf16 / "bundle.json").read_text())
    assert about["precision"] == "bf16"
    words = ("evaluate", of_bf16, "--data", sample_manifest, "--json", "--out", tmp_path / "out")
    done = command("mfclip", *words)
    found, stored = json.loads(done.stdout), json.loads((of_bf16 / "metrics.json").read_text())
    assert stored["precision"] == "bf16"
    assert (found == stored) is (units == "yes")
    assert found["precision"] == ("bf16" if units == "yes" else "fp32")
    assert ("threshold and figures were made in bf16" in done.stderr) is (units == "no")
    said = command("mfclip", "compare", of_bf16, tmp_path / "out").stdout
    assert ("A scored in bf16, B in fp32" in said) is (units == "no")


@pytest.mark.parametrize("units", ["yes", "no"])
def test_an_fp32_bundle_is_scored_in_fp32_on_any_cpu(
    bundle: Path, command, sample_manifest: Path, monkeypatch, units: str
) -> None:
    monkeypatch.setenv("MFCLIP_BF16_UNITS", units)
    image = next(sample_manifest.parent.glob("**/*.jpg"))
    done = command("mfclip", "score", bundle, image)
    assert "computed in fp32" in done.stderr
    other = command("mfclip", "score", bundle, image, "--precision", "bf16")
    assert "computed in bf16; threshold and figures were made in fp32" in other.stderr


def test_evaluate_reads_folders_by_class_and_writes_a_report(
    bundle: Path, command, tmp_path: Path
) -> None:
    for place in ("real", "fake/a", "fake/b"):
        folder = tmp_path / "data" / place
        folder.mkdir(parents=True)
        for number in range(3):
            Image.effect_noise((64, 64), 30 + number).convert("RGB").save(folder / f"{number}.png")
    out = tmp_path / "out"
    done = command("mfclip", "evaluate", bundle, "--data", tmp_path / "data", "--out", out)
    assert "AUC" in done.stdout
    assert {path.name for path in out.iterdir()} == {
        "metrics.json", "metrics.md", "report.html", "scores.csv",
    }  # fmt: skip


def test_evaluate_says_which_splits_there_are(bundle: Path, command, tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,label,split\na.png,real,train\nb.png,fake,train\n")
    done = command("mfclip", "evaluate", bundle, "--data", manifest, "--split", "test", code=5)
    assert "no split 'test'" in done.stderr
    assert "train" in done.stderr


def test_parts_as_json_lists_every_kind_that_ships(command) -> None:
    listed = json.loads(command("mfclip", "parts", "--json", "--strict").stdout)
    kinds = {part["kind"] for part in listed["parts"]}
    assert kinds == {
        "encoder",
        "detector",
        "prompts",
        "alignment",
        "loss",
        "dataset",
        "corruption",
        "input",
        "pseudo-fake",
        "locator",
    }
    assert listed["broken"] == []
    assert all(part["summary"] for part in listed["parts"])


def test_no_bundle_is_an_error_that_says_so(command, tmp_path: Path) -> None:
    done = command("mfclip", "score", tmp_path, "x.png", code=6)
    assert "is no bundle" in done.stderr
    assert "Traceback" not in done.stderr
