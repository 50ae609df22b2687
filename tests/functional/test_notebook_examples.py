"""The notebook and the example of data sets and tables, run as their users would run them."""

from __future__ import annotations

import runpy
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import mfclip

from .served import BUNDLE

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = EXAMPLES / "score_in_a_notebook.ipynb"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, but for ``runs/mfclip``."""
    shutil.copytree(BUNDLE, tmp_path / "runs/mfclip")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path


def cells(kind: str) -> list[Any]:
    return [one for one in nbformat.read(NOTEBOOK, as_version=4).cells if one.cell_type == kind]


def test_the_notebook_is_valid_and_without_outputs() -> None:
    nbformat.validate(nbformat.read(NOTEBOOK, as_version=4))
    assert len(cells("code")) >= 5
    for cell in cells("code"):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_the_notebook_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plt.switch_backend("agg")
    shown: list[int] = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(len(plt.gcf().axes)))
    module = types.ModuleType("notebook")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for number, cell in enumerate(cells("code")):
        exec(compile(cell.source, f"cell {number}", "exec"), vars(module))
    plt.close("all")
    assert shown == [1, 2]
    table, found = vars(module)["table"], vars(module)["found"]
    assert sorted(table["folder"].unique()) == ["fake", "real"]
    detector = mfclip.load("runs/mfclip", precision="fp32")
    wanted = [one.p_fake for one in detector.score(list(table["path"]))]
    assert table["p_fake"].tolist() == pytest.approx(wanted, abs=1e-5)
    assert found.values.shape == (32, 32)
    assert abs(found.values).max() > 0


def test_data_sets_and_tables(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    example = str(EXAMPLES / "datasets_pandas.py")
    monkeypatch.setattr(sys, "argv", [example, "runs/mfclip"])
    made = runpy.run_path(example, run_name="__main__")
    framed, scored, detector = made["framed"], made["scored"], made["detector"]
    assert len(framed) == len(scored) == 12
    assert scored.column_names == ["image", "label", "p_fake", "verdict", "status", "threshold"]
    wanted = [one.p_fake for one in detector.score(list(framed["path"]))]
    assert framed["p_fake"].tolist() == pytest.approx(wanted, abs=1e-3)
    assert list(scored["p_fake"]) == pytest.approx(wanted, abs=1e-3)
    assert "verdict" in capsys.readouterr().out

    (place / "broken.jpg").write_bytes(b"no picture")
    broken = made["score_frame"](
        pd.DataFrame({"path": ["broken.jpg", framed["path"][0]]}), detector
    )
    assert broken["status"].tolist() == ["not-an-image", "ok"]
    assert broken["p_fake"].isna().tolist() == [True, False]
