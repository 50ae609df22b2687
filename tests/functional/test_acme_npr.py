"""A published detector, ported by a stranger: installed, checked, trained, set beside others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "acme_npr"
GUIDE = ROOT / "docs" / "how-to" / "port-a-published-detector.md"


@pytest.fixture(scope="module")
def environment(fresh_environment):
    return fresh_environment(EXAMPLE)


@pytest.fixture(scope="module")
def registry(environment) -> str:
    """Where the guide says that it is."""
    return environment.run("python", "-c", "import acme_npr; print(acme_npr.REGISTRY)")


def test_it_is_listed_with_its_origin(environment):
    listed = json.loads(environment.run("mfclip", "parts", "--json"))
    (found,) = [part for part in listed["parts"] if part["distribution"] == "acme-npr"]
    assert (found["kind"], found["name"]) == ("detector", "acme-npr")
    assert found["origin"]["paper"].startswith("Tan et al., Rethinking the up-sampling operations")
    assert found["origin"]["supervision"] == "labels"
    assert {part["kind"] for part in listed["parts"] if "origin" in part} == {"detector"}


def test_its_own_tests_pass(environment):
    told = environment.run("python", "-m", "pytest", "-p", "no:cacheprovider", cwd=EXAMPLE)
    found = re.search(r"^(\d+) passed", told, re.MULTILINE)
    assert found, told
    assert int(found[1]) > 60


def test_it_learns_and_tells_images_that_it_has_not_seen(environment, registry, tmp_path):
    (recipe,) = re.findall(r"^# npr\.toml\n(.*?)^```$", GUIDE.read_text("utf-8"), re.S | re.M)
    (tmp_path / "npr.toml").write_text(recipe, encoding="utf-8")
    words = ("--recipe", "npr.toml", "--registry", registry)
    words += ("--set", "training.workers=0", "--set", "training.precision=fp32")
    environment.run("mfclip-build", *words, cwd=tmp_path)
    run = tmp_path / "runs" / "npr"
    lines = (run / "history.jsonl").read_text().splitlines()
    total = [json.loads(line)["losses"]["total"] for line in lines]
    assert total[-1] < 0.8 * total[0]
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["overall"]["roc_auc"]["value"] > 0.6
    report = (run / "report.html").read_text(encoding="utf-8")
    assert 'alt="acme-npr.map of the image above"' in report


def test_it_stands_beside_the_systems_that_ship(environment, registry, tmp_path):
    (tmp_path / "faces.toml").write_text(
        'recipe = 1\ndata = { use = "sample", images = 96, size = 64 }\ntraining = {}\n'
    )
    words = ("--recipe", "faces.toml", "--registry", registry, "--systems", "acme", "--small")
    words += ("--protocol", "within", "--seeds", "0", "--out", "runs/small", "--plan")
    told = environment.run("mfclip", "bench", *words, cwd=tmp_path)
    assert re.findall(r"^new +all, (\S+), seed 0", told, re.MULTILINE) == [
        "acme-npr-small",
        "freqnet-small",
        "guan-small",
    ]
