"""mfclip-build from outside."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

FILES = {
    "README.md",
    "bundle.json",
    "history.jsonl",
    "metrics.json",
    "model.safetensors",
    "prompts.json",
    "recipe.toml",
    "report.html",
    "scores-test.csv",
    "scores-validation.csv",
}


def test_bundle_holds_everything_needed_to_use_it(bundle: Path) -> None:
    names = {path.name for path in bundle.iterdir() if path.is_file()}
    assert names == FILES
    assert list((bundle / "tensorboard").iterdir())
    assert not list(bundle.rglob("*.pt")) + list(bundle.rglob("*.pkl"))
    assert not bundle.with_name("tiny.partial").exists()


def test_build_ends_with_figures_and_the_next_command(
    built: subprocess.CompletedProcess[str], bundle: Path
) -> None:
    assert re.search(r"ACC \d+\.\d \[\d+\.\d, \d+\.\d\]", built.stdout)
    auc = re.search(r"AUC (\d+\.\d) \[", built.stdout)
    assert auc
    written = json.loads((bundle / "metrics.json").read_text())["overall"]["roc_auc"]["value"]
    assert float(auc[1]) == pytest.approx(100 * written, abs=0.06)
    assert "next:   mfclip score runs/tiny " in built.stdout


def test_next_command_works_as_printed(
    built: subprocess.CompletedProcess[str], bundle: Path, workplace: Path, command
) -> None:
    words = shlex.split(built.stdout.split("next:")[1])
    done = command(*words, cwd=workplace)
    assert done.stdout.splitlines()[0] == (
        "path,p_fake,verdict,threshold,operating_point,status,reason"
    )
    assert len(done.stdout.splitlines()) == 2


def test_threshold_in_the_bundle_is_the_one_fitted_on_validation(bundle: Path) -> None:
    from mfclip.metrics.operating import fit_operating_points
    from mfclip.metrics.scores import read_scores

    stored = json.loads((bundle / "bundle.json").read_text())["operating"]
    fitted = fit_operating_points(read_scores(bundle / "scores-validation.csv"))
    assert stored["threshold"] == pytest.approx(fitted.threshold, abs=1e-12)
    assert stored["temperature"] == pytest.approx(fitted.temperature, rel=1e-6)


def test_filled_in_recipe_builds_the_same_weights(bundle: Path, workplace: Path, command) -> None:
    copy = workplace / "again.toml"
    shutil.copy(bundle / "recipe.toml", copy)
    command("mfclip-build", "--recipe", copy, "--out", workplace / "again", cwd=workplace)
    first, second = (
        json.loads((folder / "bundle.json").read_text())["weights_sha256"]
        for folder in (bundle, workplace / "again")
    )
    assert first == second


def test_dry_run_trains_nothing(workplace: Path, command) -> None:
    done = command(
        "mfclip-build", "--recipe", "tiny.toml", "--dry-run", "--out", "dry", cwd=workplace
    )
    assert "nothing was trained" in done.stdout
    assert "vision.noise" in done.stderr
    assert not (workplace / "dry").exists()
    assert not (workplace / "dry.partial").exists()


def test_recipe_without_training_gives_an_untrained_bundle(workplace: Path, command) -> None:
    recipe = workplace / "untrained.toml"
    recipe.write_text(
        'recipe = 1\nassembly = "mfclip-small"\n[preprocessing]\nsize = 64\n'
        "[vision.noise]\npatch_size = 32\n"
    )
    done = command("mfclip-build", "--recipe", recipe, cwd=workplace)
    assert "untrained" in done.stdout
    assert (workplace / "runs" / "untrained" / "model.safetensors").exists()


def test_wrong_recipe_is_told_by_line_and_ends_with_3(workplace: Path, command) -> None:
    recipe = workplace / "wrong.toml"
    recipe.write_text('recipe = 1\nassembly = "mfclip"\n[vision.image]\nuse = "cvti"\n')
    done = command("mfclip-build", "--recipe", recipe, cwd=workplace, code=3)
    assert f"{recipe}:4: vision.image: " in done.stderr
    assert "did you mean 'cvit'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_unfinished_run_is_not_thrown_away(workplace: Path, command) -> None:
    (workplace / "left.partial").mkdir()
    done = command("mfclip-build", "--recipe", "tiny.toml", "--out", "left", cwd=workplace, code=2)
    assert "--resume" in done.stderr
    assert "--restart" in done.stderr


def test_foreign_folder_is_not_overwritten(workplace: Path, tmp_path: Path, command) -> None:
    (tmp_path / "thesis.txt").write_text("dear to me")
    command("mfclip-build", "--recipe", "tiny.toml", "--out", tmp_path, cwd=workplace, code=2)
    assert (tmp_path / "thesis.txt").read_text() == "dear to me"


def test_image_side_only_is_smaller_and_scores_the_same(
    bundle: Path, workplace: Path, command
) -> None:
    words = ("--image-side-only", "--out", "slim one", "--set", "evaluation.confidence=0.9")
    done = command("mfclip-build", "--recipe", "tiny.toml", *words, cwd=workplace)
    assert "90 % intervals" in done.stdout
    assert "mfclip score 'slim one' " in done.stdout
    slim = workplace / "slim one"
    weights = [folder / "model.safetensors" for folder in (slim, bundle)]
    assert weights[0].stat().st_size < weights[1].stat().st_size
    assert (slim / "scores-test.csv").read_text() == (bundle / "scores-test.csv").read_text()


def test_a_second_build_into_the_same_folder_is_refused_at_once(
    workplace: Path, command, start
) -> None:
    words = ("--recipe", "tiny.toml", "--out", "shared", "--set", "training.epochs=4")
    first = start("mfclip-build", *words, cwd=workplace, err=workplace / "first.log")
    try:
        deadline = time.monotonic() + 60
        while not (workplace / ".shared.lock").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        second = command("mfclip-build", *words, cwd=workplace, code=2)
        dry = command("mfclip-build", *words, "--dry-run", cwd=workplace, code=2)
    finally:
        first.wait(300)
    for refused in (second, dry):
        assert f"shared is being written by process {first.pid} on " in refused.stderr
        assert "Checking the data" not in refused.stderr
    assert first.returncode == 0, (workplace / "first.log").read_text()
    assert (workplace / "shared" / "bundle.json").exists()
    assert not (workplace / ".shared.lock").exists()


@pytest.mark.parametrize(
    ("prepare", "words", "told"),
    [
        ("foreign", (), "holds files that are not of a bundle"),
        ("unfinished", (), "an unfinished run lies in"),
        ("unfinished", ("--resume",), ""),
        ("unfinished", ("--restart",), ""),
        ("", ("--device", "cuda:7"), "device 'cuda:7' "),
        ("file", (), "cannot be written"),
    ],
)
def test_a_dry_run_tells_what_would_stop_the_build(
    tmp_path: Path, workplace: Path, command, prepare: str, words: tuple[str, ...], told: str
) -> None:
    out = tmp_path / "out"
    if prepare == "foreign":
        out.mkdir()
        (out / "thesis.txt").touch()
    elif prepare == "unfinished":
        out.with_name("out.partial").mkdir()
    elif prepare == "file":
        tmp_path.joinpath("above").touch()
        out = tmp_path / "above" / "out"
    recipe = ("--recipe", workplace / "tiny.toml", "--out", out, "--dry-run")
    done = command("mfclip-build", *recipe, *words, code=2 if told else 0)
    assert told in done.stderr
    assert out.with_name("out.partial").exists() is (prepare == "unfinished")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("vision.image.depth=1000000", "asks for a detector of more than"),
        ("vision.image.mlp=1099511627776", "does not fit into memory"),
    ],
)
def test_a_detector_out_of_all_proportion_is_refused_in_a_line(
    workplace: Path, tmp_path: Path, command, change: str, told: str
) -> None:
    words = ("--recipe", "tiny.toml", "--out", tmp_path / "out", "--dry-run", "--set", change)
    done = command("mfclip-build", *words, cwd=workplace, code=3)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
