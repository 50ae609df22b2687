"""A cell that fails stops no other: it is told everywhere and tried again."""

from __future__ import annotations

import json
import re

import pytest

from mfclip.bench.detectors import Source, read_candidates
from mfclip.bench.grid import Grid, make_grid
from mfclip.bench.page import to_html
from mfclip.bench.protocols import make_protocol
from mfclip.bench.record import read_record
from mfclip.bench.run import run
from mfclip.bench.text import to_csv, to_latex, to_markdown
from mfclip.building.events import Silent
from mfclip.errors import SomeCellsFailed, TrainingError
from mfclip.plugins.discovery import discover
from mfclip.recipe.registry import read_registry

from .conftest import REAL, data, rows
from .test_grid import RECIPE

NAMES = ("cvit-small", "clip-small")
NOT_FINITE = TrainingError("the loss is not finite\nat step 3")


class Heard(Silent):
    def __init__(self) -> None:
        self.titles: list[str] = []

    def stage(self, title: str) -> None:
        self.titles.append(title)


@pytest.fixture
def lay(tmp_path):
    """Grids of two detectors on rows whose images nobody opens."""
    plugins = discover()
    faces = data(
        rows(REAL, each=4),
        rows(("fake", "EFS", "GAN", "alpha"), each=3),
        rows(("fake", "FS", "GAN", "gamma"), each=3),
        root=tmp_path / "faces",
    )
    found = []
    for name in NAMES:
        (tmp_path / f"{name}.toml").write_text(RECIPE.format(assembly=name, more=""))
        found.append(Source(name, tmp_path / f"{name}.toml"))
    candidates = read_candidates(found, (), plugins, read_registry())

    def lay(protocol: str = "cross-forgery", seeds=(0, 1), absent=None) -> Grid:
        made = make_protocol(protocol, faces)
        return make_grid(made, candidates, seeds, faces, tmp_path / "out", plugins, absent)

    return lay


@pytest.fixture(autouse=True)
def unchecked(monkeypatch) -> None:
    monkeypatch.setattr("mfclip.bench.run.check_data", lambda grid, events: None)


def test_the_others_are_trained_and_the_reason_is_kept(lay, stub):
    stub.broken["cvit-small"] = NOT_FINITE
    heard = Heard()
    done = run(lay(), heard, stub.engine())
    assert stub.trained == ["clip-small 0", "clip-small 0", "clip-small 1", "clip-small 1"]
    reason = "the loss is not finite at step 3"
    assert "failed: EFS, cvit-small, seed 0: " + reason in heard.titles
    assert done.record.failed == {
        f"{training}, cvit-small, seed {seed}": reason
        for seed in (0, 1)
        for training in ("EFS", "FS")
    }
    assert [facts.detector for facts in done.record.cells] == ["clip-small"] * 4
    assert list(done.record.costs) == ["clip-small"]


def test_text_page_and_record_show_it(lay, stub):
    whole = run(lay(), Silent(), stub.engine()).record.tables[0]
    stub.broken["cvit-small"] = NOT_FINITE
    grid = lay(seeds=(5,))
    done = run(grid, Silent(), stub.engine())
    table = done.record.tables[0]
    assert [row.failed for row in table.rows] == [
        row.detector == "cvit-small" for row in table.rows
    ]
    assert not any(row.failed for row in whole.rows)
    told = "Failed: EFS, cvit-small, seed 5: the loss is not finite at step 3."
    for form in (to_markdown, to_latex):
        assert told in form(table)
        (line,) = re.findall(r".*cvit-small.*failed.*failed.*", form(table))[:1]
        assert not re.search(r"\d\d\.\d", line)
    assert "cvit-small" not in to_csv(table)
    page = to_html(done.record, {})
    assert told in page
    assert "2 trainings; 2 failed." in page
    assert page.count("<td>failed</td>") == 2 * 2 * (len(table.columns) + 1)
    again = read_record(done.folder / "record.json")
    assert again == done.record
    assert json.loads((done.folder / "record.json").read_text())["failed"]


@pytest.mark.parametrize("protocol", ["within", "cross-forgery", "leave-one-out", "robustness"])
def test_every_protocol_has_tables_and_figures_without_it(lay, stub, protocol):
    stub.broken["cvit-small"] = ValueError("no such weights")
    done = run(lay(protocol), Silent(), stub.engine())
    reason = next(iter(done.record.failed.values()))
    assert re.fullmatch(r"ValueError: no such weights \(conftest\.py:\d+\)", reason)
    figures = [row for row in done.record.tables[0].rows if row.detector == "clip-small"]
    assert all(any(row.cells) for row in figures)
    for file in done.folder.glob("*.svg"):
        assert "cvit-small" not in file.read_text()


def test_another_run_tries_it_again_and_forgets_it(lay, stub):
    stub.broken["cvit-small"] = NOT_FINITE
    run(lay(), Silent(), stub.engine())
    assert {cell.state() for cell in lay().cells if cell.failed} == {"unfinished"}
    stub.broken.clear()
    mended = run(lay(), Silent(), stub.engine())
    assert len(stub.trained) == 8
    assert mended.record.failed == {}
    assert not any(row.failed for row in mended.record.tables[0].rows)
    assert "Failed" not in to_markdown(mended.record.tables[0])


def test_one_seed_of_two_takes_the_figures_until_it_is_mended(lay, stub):
    """Or until the seed is left out: what is done stays."""
    run(lay(seeds=(0,)), Silent(), stub.engine())
    stub.broken["cvit-small"] = NOT_FINITE
    table = run(lay(), Silent(), stub.engine()).record.tables[0]
    failed = {row.detector: (row.failed, any(row.cells)) for row in table.rows}
    assert failed == {"cvit-small": (True, False), "clip-small": (False, True)}
    assert "Failed: EFS, cvit-small, seed 1" in to_markdown(table)
    assert "cvit-small, seed 0" not in to_markdown(table)
    assert not run(lay(seeds=(0,)), Silent(), stub.engine()).record.failed


def test_scoring_that_fails_counts_too_and_is_tried_again(lay, stub):
    stub.unscorable["clip-small"] = MemoryError("too large")
    done = run(lay("robustness", seeds=(0,)), Silent(), stub.engine())
    (reason,) = done.record.failed.values()
    assert reason.startswith("MemoryError: too large")
    assert [row.detector for row in done.record.tables[0].rows if row.failed] == ["clip-small"] * 7
    stub.unscorable.clear()
    done = run(lay("robustness", seeds=(0,)), Silent(), stub.engine())
    assert done.record.failed == {}
    assert len(stub.trained) == 2


def test_where_all_fail_there_is_no_table_but_the_reasons(lay, stub, tmp_path):
    stub.broken = dict.fromkeys(NAMES, NOT_FINITE)
    with pytest.raises(SomeCellsFailed, match="every training failed") as caught:
        run(lay(), Silent(), stub.engine())
    assert str(caught.value).count("the loss is not finite at step 3") == 8
    assert not (tmp_path / "out" / "tables").exists()


def test_what_could_not_be_read_is_told_beside_it(lay, stub):
    done = run(lay(absent={"dire": "not installed"}), Silent(), stub.engine())
    assert done.record.failed == {"dire": "not installed"}
    assert "Failed: dire: not installed." in to_markdown(done.record.tables[0])
