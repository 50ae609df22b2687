"""A real grid on the embedded sample set: killed, resumed, verified, tampered with."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from mfclip.cli.app import command_tree
from mfclip.errors import MfclipError

RECIPE = """
recipe = 1
assembly = "{assembly}"

[preprocessing]
size = 64

{parts}
[data]
use = "sample"
images = 96
size = 64
findings = "warn"

[training]
epochs = 1
workers = 0
precision = "fp32"
checkpoint_steps = 1

[evaluation]
bootstrap = 100
"""
IMAGE = """channels = [8, 8, 16, 16, 16]
convolutions = [1, 1, 1, 1, 1]
dim = 32
depth = 1
heads = 2
mlp = 32
"""
TEXT = "[text]\ndim = 32\nlayers = 1\nheads = 2\nmlp = 32\n"
NOISE = "[vision.noise]\npatch_size = 32\nchannels = 8\ndim = 32\nheads = 2\n"
WORDS = (
    *("bench", "--recipe", "whole.toml", "--recipe", "image.toml"),
    *("--protocol", "cross-generator", "--train", "toy-deconv", "--train", "toy-latent"),
    *("--seeds", "0,1", "--device", "cpu", "--out", "out"),
)
VERIFY = ("bench", "--device", "cpu", "--verify")
BUNDLES = 8
SECONDS = 300


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    whole = f"[vision.image]\n{IMAGE}\n{NOISE}\n{TEXT}"
    (folder / "whole.toml").write_text(RECIPE.format(assembly="mfclip-small", parts=whole))
    image = f"[vision]\n{IMAGE}"
    (folder / "image.toml").write_text(RECIPE.format(assembly="cvit-small", parts=image))
    return folder


def mfclip(place: Path, *words: object, code: int = 0) -> Result:
    """Run ``mfclip`` in this process: loading torch takes longer than all that is done here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        done = CliRunner().invoke(command_tree(), list(map(str, words)))
    error = done.exception
    if code == 0 and error is not None:
        raise AssertionError(done.output) from error
    if code != 0:
        assert isinstance(error, MfclipError), done.output
        assert error.exit_code == code, error
    return done


def bundles(place: Path) -> set[Path]:
    """The complete ones; what is being written has a dot before its name."""
    return {file.parent for file in (place / "out" / "bundles").glob("*/*/seed-*/bundle.json")}


def kill_after(place: Path, count: int, start: Callable[..., Any]) -> None:
    """Run the grid in a process of its own and kill it once so many bundles are there."""
    victim = start("mfclip", *WORDS, cwd=place, err=place / "log")
    try:
        deadline = time.monotonic() + SECONDS
        while len(bundles(place)) < count:
            assert victim.poll() is None, (place / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        victim.kill()
        victim.wait()
    assert victim.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def grid(place, start) -> Result:
    """The finished grid, killed once on the way; what it printed."""
    planned = mfclip(place, *WORDS, "--plan")
    assert f"{BUNDLES} cells, {BUNDLES} trainings to do" in planned.stdout
    assert not (place / "out").exists()
    kill_after(place, 2, start)
    before = {folder: (folder / "bundle.json").stat().st_mtime_ns for folder in bundles(place)}
    assert 2 <= len(before) < BUNDLES
    assert not (place / "out" / "tables").exists()
    done = mfclip(place, *WORDS)
    assert done.stderr.count("finished before") == len(before)
    after = {folder: (folder / "bundle.json").stat().st_mtime_ns for folder in bundles(place)}
    assert len(after) == BUNDLES
    assert before.items() <= after.items()
    return done


@pytest.fixture
def copy(grid, place, tmp_path) -> Path:
    """A copy to do harm to."""
    return Path(shutil.copytree(place / "out", tmp_path / "out"))


def test_the_table_is_printed_and_written_in_every_form(grid, place):
    folder = place / "out" / "tables" / "cross-generator"
    assert "| toy-deconv | whole |" in grid.stdout
    assert (folder / "cross-generator-efs.md").read_text() in grid.stdout
    suffixes = sorted(path.suffix for path in folder.iterdir())
    assert suffixes == [".csv", ".csv", ".html", ".json", ".md", ".md", ".svg", ".tex", ".tex"]
    lines = list(csv.DictReader((folder / "cross-generator-efs.csv").open()))
    assert {line["test"] for line in lines} == {"toy-deconv", "toy-latent", "mean of others"}
    assert {line["seeds"] for line in lines} == {"2"}


def test_figures_are_those_of_the_scores_in_the_bundle(grid, place):
    from sklearn.metrics import accuracy_score, roc_auc_score

    out = place / "out"
    record = json.loads((out / "tables/cross-generator/record.json").read_text())
    row = record["tables"][0]["rows"][0]
    assert (row["training"], row["detector"]) == ("toy-deconv", "whole")
    for seed in (0, 1):
        bundle = out / f"bundles/generator-efs-toy-deconv/whole/seed-{seed}"
        lines = list(csv.DictReader((bundle / "scores-test.csv").open()))
        assert len({line["generator"] for line in lines}) == 7
        kept = [line for line in lines if line["generator"] in ("", "toy-latent")]
        truth = [line["label"] == "fake" for line in kept]
        auc = roc_auc_score(truth, [float(line["log_odds"]) for line in kept])
        assert row["cells"][1]["auc"]["values"][seed] == pytest.approx(auc)
        accuracy = accuracy_score(truth, [line["verdict"] == "fake" for line in kept])
        assert row["cells"][1]["accuracy"]["values"][seed] == pytest.approx(accuracy)


def test_the_page_asks_for_nothing_from_elsewhere(grid, place):
    page = (place / "out/tables/cross-generator/index.html").read_text()
    assert "://" not in page
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    assert page.count("<svg") == 1


def test_page_and_reports_say_that_the_images_are_drawn(grid, place):
    pages = [place / "out/tables/cross-generator/index.html"]
    pages += [folder / "report.html" for folder in bundles(place)]
    assert len(pages) == 1 + BUNDLES
    for page in pages:
        text = page.read_text()
        assert text.count('<aside class="banner"') == 1, page
        assert text.index("drawn by a program") < text.index("<section")


def test_what_was_written_is_what_comes_out_again(grid, place):
    done = mfclip(place, "bench", "--verify", "out", "--device", "cpu")
    assert "0 differences" in done.stdout
    scores = BUNDLES * (16 + 9)
    assert f"compared {scores} scores" in done.stdout


def check(folder: Path) -> str:
    done = mfclip(folder, "bench", "--verify", folder, "--device", "cpu", code=10)
    return str(done.exception)


def test_every_tampering_is_named(copy):
    """One run for all: each harm must show up under its own name."""
    tables = copy / "tables" / "cross-generator"
    page = tables / "cross-generator-efs.md"
    page.write_text(page.read_text().replace("| toy-latent |", "| toy-latent! |"))
    record = json.loads((tables / "record.json").read_text())
    entry = record["tables"][0]["rows"][0]["cells"][0]["auc"]
    entry["values"][0] = 0.987 if entry["values"][0] < 0.9 else 0.123
    (tables / "record.json").write_text(json.dumps(record))
    scores = copy / "bundles/generator-efs-toy-latent/image/seed-1/scores-test.csv"
    with scores.open() as stream:
        lines = list(csv.DictReader(stream))
    lines[0]["log_odds"] = str(float(lines[0]["log_odds"]) + 0.5)
    with scores.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    about = copy / "bundles/generator-efs-toy-latent/image/seed-0/bundle.json"
    told = json.loads(about.read_text())
    told["operating"]["threshold"] += 0.1
    about.write_text(json.dumps(told))

    figure = tables / "cross-generator-efs-mean.svg"
    figure.write_text(figure.read_text().replace("L 1", "L 2", 1))

    said = check(copy)
    assert "cross-generator-efs-mean.svg: does not show the figures of record.json" in said
    assert "cross-generator-efs.md: does not show the figures of record.json" in said
    assert "cross-generator-efs: toy-deconv, whole, toy-deconv, auc: was" in said
    assert f"1 of 16 scores differ, most that of {lines[0]['path']}" in said
    assert "toy-latent/image/seed-1/scores-test.csv: content changed" in said
    assert "toy-latent/image/seed-0: the threshold is" in said


def test_other_weights_are_named(copy):
    place = copy / "bundles/generator-efs-toy-deconv/image"
    weights = place / "seed-0" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "seed-0/model.safetensors is not what was written" in check(copy)


def test_a_folder_without_tables_is_told(tmp_path):
    done = mfclip(tmp_path, "bench", "--verify", tmp_path, code=5)
    assert "--out of mfclip bench" in str(done.exception)


def test_corruptions_are_known_before_anything_is_trained(place):
    words = ("bench", "--recipe", "image.toml", "--protocol", "robustness", "--out", "bad")
    done = mfclip(place, *words, "--corruption", "blurr", code=2)
    assert "did you mean 'blur'" in str(done.exception)
    assert not (place / "bad").exists()


def test_robustness_end_to_end(place):
    words = (
        *("bench", "--recipe", "image.toml", "--protocol", "robustness", "--out", "rob"),
        *("--corruption", "pixelation", "--corruption", "contrast", "--levels", "1,5"),
        *("--device", "cpu"),
    )
    done = mfclip(place, *words, "--size", "48")
    assert "| pixelation | image |" in done.stdout
    assert "mean over corruptions" in done.stdout
    files = sorted(path.name for path in (place / "rob/cells/all/image/seed-0").glob("*.csv"))
    assert files == [
        f"{name}.csv" for name in
        ("contrast-1", "contrast-5", "none-0", "pixelation-1", "pixelation-5")
    ]  # fmt: skip
    figure = (place / "rob/tables/robustness/robustness.svg").read_text()
    words = re.findall(r">([^<>]+)</text>", figure)
    assert {"pixelation", "contrast", "mean over corruptions", "level", "image"} <= set(words)
    mfclip(place, "bench", "--verify", "rob", "--device", "cpu")


def test_leave_one_out_end_to_end(place):
    """Two of the three forgery types left out, made, tested, checked, and tampered with."""
    done = mfclip(
        place,
        *("bench", "--recipe", "image.toml", "--protocol", "leave-one-out", "--leave", "forgery"),
        *("--train", "all but AM", "--train", "all but FS", "--device", "cpu", "--out", "left"),
    )
    assert "| FS | image |" in done.stdout
    assert "| mean over what was left out | image |" in done.stdout
    tables = place / "left/tables/leave-one-out-forgery"
    record = json.loads((tables / "record.json").read_text())
    row = next(r for r in record["tables"][0]["rows"] if r["training"] == "FS")
    bundle = place / "left/bundles/forgery-without-fs/image/seed-0"
    chosen = list(csv.DictReader((bundle / "scores-validation.csv").open()))
    assert {line["forgery"] for line in chosen} == {"", "AM", "EFS"}
    trained = list(csv.DictReader((place / "left/manifests/forgery-without-fs.csv").open()))
    assert {line["forgery"] for line in trained if line["split"] != "test"} == {"", "AM", "EFS"}
    lines = list(csv.DictReader((bundle / "scores-test.csv").open()))
    for cell, forgeries in zip(row["cells"], ({"FS"}, {"AM", "EFS"}), strict=True):
        flagged = {
            label: [x["verdict"] == "fake" for x in lines
                    if x["label"] == label and x["forgery"] in {"", *forgeries}]
            for label in ("real", "fake")
        }  # fmt: skip
        counts = {"reals": len(flagged["real"]), "fakes": len(flagged["fake"])}
        assert cell["counts"] == counts
        for measure, label in (("false_alarms", "real"), ("found", "fake")):
            share = sum(flagged[label]) / len(flagged[label])
            assert cell[measure]["values"] == [pytest.approx(share)]
    page = (tables / "index.html").read_text()
    assert page.count('scope="col">reals flagged</th>') == 2
    assert page.count("<svg") == 1
    assert "0 differences" in mfclip(place, *VERIFY, "left").stdout
    row["cells"][0]["found"]["values"] = [1.5]
    (tables / "record.json").write_text(json.dumps(record))
    said = str(mfclip(place, *VERIFY, "left", code=10).exception)
    assert "leave-one-out: FS, image, left out, found: was 150.00" in said


def test_a_level_that_does_not_exist_is_told(place):
    words = ("bench", "--recipe", "image.toml", "--protocol", "leave-one-out", "--leave", "face")
    done = mfclip(place, *words, code=2)
    assert "--leave: " in str(done.exception)
    assert "'face'" in str(done.exception)


def test_two_processes_give_the_figures_of_one(grid, place, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    words = [word for word in WORDS if word not in ("--seeds", "0,1", "--out", "out")]
    done = mfclip(place, *words, "--workers", 2, "--out", tmp_path / "apart")
    assert {"[1] Reading the data", "[2] Reading the data"} <= set(done.stderr.splitlines())
    found = sorted((tmp_path / "apart").glob("bundles/*/*/seed-0/scores-test.csv"))
    assert len(found) == BUNDLES / 2
    for file in found:
        assert (
            file.read_bytes() == (place / "out" / file.relative_to(tmp_path / "apart")).read_bytes()
        )


def test_help_does_not_load_torch():
    program = (
        "import sys; from mfclip.cli import main; sys.argv = ['mfclip', 'bench', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'jinja2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=60)


def test_a_set_of_systems_with_one_that_fails(place, tmp_path):
    """The grid goes on without it, and the exit code says so; the next run tries it again."""
    registry = tmp_path / "registry.toml"
    registry.write_text('[systems.mine]\nassemblies = ["cvit", "gone"]\n')
    (tmp_path / "base.toml").write_text(RECIPE.format(assembly="mfclip-small", parts=""))
    recipe = (tmp_path / "base.toml").read_text().replace('assembly = "mfclip-small"\n', "")
    (tmp_path / "base.toml").write_text(recipe)
    words = ("bench", "--recipe", "base.toml", "--systems", "mine", "--small", "--device", "cpu")
    words = (*words, "--protocol", "within", "--registry", registry, "--out", "out")
    broken = ("--detector", "wild=cvit-small training.learning_rate=1e30")
    done = mfclip(tmp_path, *words, *broken, code=11)
    assert "wild" in str(done.exception)
    assert "gone: not installed: no assembly is called that" in str(done.exception)
    assert re.search(r"\| wild \|( failed \|)+", done.stdout)
    assert re.search(r"\| cvit-small \| \d", done.stdout)
    record = json.loads((tmp_path / "out/tables/within/record.json").read_text())
    assert list(record["failed"]) == ["gone", "all, wild, seed 0"]
    planned = mfclip(tmp_path, *words, *broken, "--plan").stdout
    assert "failed      all, wild, seed 0" in planned
    done = mfclip(tmp_path, *words, *broken, code=11)
    assert done.stderr.count("finished before") == 1
