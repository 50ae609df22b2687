"""Each example runs as its user would run it, and learns."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("spa_*.py"))
NEEDS = {"spa_open_clip.py": "open_clip", "spa_transformers.py": "transformers"}


def test_there_is_one_for_each_library():
    assert [e.name for e in EXAMPLES] == [
        "spa_open_clip.py",
        "spa_tensors.py",
        "spa_transformers.py",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_example_runs_and_learns(example, tmp_path, monkeypatch, capsys):
    if example.name in NEEDS:
        pytest.importorskip(NEEDS[example.name])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(example), run_name="__main__")
    printed = capsys.readouterr().out
    losses = [float(value) for value in re.findall(r"loss (\S+)", printed)]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert "gate" in printed
