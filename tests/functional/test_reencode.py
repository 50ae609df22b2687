"""Files that give the label away stop a build; one encoder for all of them is the cure."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from mfclip.inference.loaded import load


@pytest.fixture(scope="module")
def mixed(sample_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample set with its fakes saved as PNG: the format says which they are."""
    folder = tmp_path_factory.mktemp("mixed")
    rows = list(csv.DictReader(sample_manifest.open(encoding="utf-8")))
    for row in rows:
        image = Image.open(sample_manifest.parent / row["path"])
        suffix = ".png" if row["label"] == "fake" else ".jpg"
        row["path"] = Path(row["path"]).with_suffix(suffix).name
        row["path"] = f"{row['label']}-{row['path']}"
        image.save(folder / row["path"], quality=95)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def words(workplace: Path, mixed: Path) -> list[str]:
    """A build of the tiny recipe from these files."""
    recipe = (workplace / "tiny.toml").read_text(encoding="utf-8")
    data = 'use = "sample"\nimages = 96\nsize = 64\nfindings = "warn"\n'
    assert data in recipe
    mine = recipe.replace(data, f'use = "manifest"\nroot = "{mixed}"\n')
    (workplace / "mixed.toml").write_text(mine, encoding="utf-8")
    return ["--recipe", "mixed.toml", "--out", "mixed"]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_format_that_gives_the_label_away_stops_the_build(
    command, workplace: Path, words: list[str], dry: list[str]
) -> None:
    done = command("mfclip-build", *words, *dry, cwd=workplace, code=5)
    told = "the file format alone tells real from fake with an AUC of 1.00"
    assert done.stderr.count(told) == 1
    assert 'reencode = "jpeg:92"' in done.stderr
    assert "told above" in done.stderr
    assert 'findings = "warn" under [data]' in done.stderr
    assert not (workplace / "mixed").exists()


def test_the_cure_is_kept_and_applied_to_whatever_is_scored(
    command, workplace: Path, words: list[str], mixed: Path
) -> None:
    cure = ("--set", "data.reencode=jpeg:60")
    command("mfclip-build", *words, *cure, cwd=workplace)
    bundle = workplace / "mixed"
    assert 'reencode = "jpeg:60"' in (bundle / "recipe.toml").read_text()
    built = {row["path"]: row for row in csv.DictReader((bundle / "scores-test.csv").open())}
    files = [mixed / name for name in built]
    out = command("mfclip", "score", bundle, *files).stdout.splitlines()
    scored = {Path(row["path"]).name: row for row in csv.DictReader(out)}
    assert len(built) == len(scored) > 10
    for name, row in built.items():
        assert float(scored[name]["p_fake"]) == pytest.approx(float(row["p_fake"]), abs=2e-5)
    done = command("mfclip", "evaluate", bundle, "--data", mixed, "--json")
    assert json.loads(done.stdout) == json.loads((bundle / "metrics.json").read_text())
    loaded = load(bundle, device="cpu")
    images = [Image.open(file) for file in files]
    expected = [float(row["p_fake"]) for row in built.values()]
    assert [one.p_fake for one in loaded.score(images)] == pytest.approx(expected, abs=2e-5)
    loaded.predictor.preprocessor = type(loaded.predictor.preprocessor)(loaded.recipe.preprocessing)
    plain = [one.p_fake for one in loaded.score(images)]
    assert plain != pytest.approx(expected, abs=1e-4)
