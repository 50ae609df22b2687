"""Several processes on one grid: each cell once, one that ends early costs its own cell alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from typer.main import get_command

from mfclip.bench.grid import write_manifests
from mfclip.bench.helpers import Helper, run_grid_with, start, take_cells
from mfclip.bench.run import run
from mfclip.building.events import Silent
from mfclip.cli.app import command_tree
from mfclip.cli.bench_helpers import helpers_of
from mfclip.compute.devices import devices_for
from mfclip.errors import SomeCellsFailed, TrainingError, UsageError
from mfclip.locks import holding

from .test_failures import lay as lay
from .test_failures import unchecked as unchecked


def quiet(text: str) -> None:
    pass


def script(code: str) -> Helper:
    return Helper([sys.executable, "-c", code], os.environ)


@pytest.fixture
def helped(monkeypatch):
    """Helpers that are threads of this process, with engines of their own choice."""

    def by(grid, *engines):
        def begin(helpers: Sequence[Helper], tell) -> list[int]:
            threads = [
                threading.Thread(target=take_cells, args=(grid, engine, tell)) for engine in engines
            ]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            return [0] * len(threads)

        monkeypatch.setattr("mfclip.bench.helpers.start", begin)
        return [script("")] * len(engines)

    return by


@pytest.mark.parametrize("protocol", ["cross-forgery", "robustness"])
def test_tables_are_those_of_one_process(lay, stub, helped, tmp_path, protocol):
    alone = run(lay(protocol), Silent(), stub.engine()).record
    trained = sorted(stub.trained)
    (tmp_path / "out").rename(tmp_path / "alone")
    stub.trained.clear()
    grid = lay(protocol)
    together = run(
        grid, Silent(), stub.engine(), helpers=helped(grid, stub.engine(), stub.engine())
    )
    assert sorted(stub.trained) == trained
    assert together.record.tables == alone.tables
    facts = [one.scores for one in together.record.cells]
    assert facts == [one.scores for one in alone.cells]
    assert together.record.failed == {}


def test_a_cell_that_fails_stops_no_other_and_is_tried_again(lay, stub, helped):
    stub.broken["cvit-small"] = TrainingError("the loss is not finite")
    grid = lay()
    done = run(grid, Silent(), stub.engine(), helpers=helped(grid, stub.engine(), stub.engine()))
    assert len(stub.trained) == 4
    assert len(done.record.failed) == 4
    stub.broken.clear()
    again = run(lay(), Silent(), stub.engine(), helpers=helped(grid, stub.engine()))
    assert len(stub.trained) == 8
    assert again.record.failed == {}


def test_cells_that_another_process_is_at_are_left_to_it(lay, stub):
    grid = lay(seeds=(0,))
    busy = grid.cells[1]
    write_manifests(grid)
    released, held = threading.Event(), threading.Event()

    def hold() -> None:
        with holding(busy.folder):
            held.set()
            released.wait()

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    try:
        take_cells(grid, stub.engine(), quiet)
    finally:
        released.set()
        other.join()
    states = ["finished", "new", "finished", "finished"]
    assert [cell.state() for cell in grid.cells] == states
    take_cells(grid, stub.engine(), quiet)
    assert busy.state() == "finished"


def test_what_a_helper_was_at_when_it_was_killed_is_told(lay, stub):
    grid, told = lay(seeds=(0,)), []
    write_manifests(grid)
    take_cells(grid, stub.engine(), quiet)
    left = grid.cells[2]
    (left.bundle / "bundle.json").unlink()
    killed = script("import os; os.kill(os.getpid(), 9)")
    run_grid_with(grid, [killed, script("")], told.append)
    assert grid.failures() == {left.name: "ended too early: helper 1 with -9"}
    assert f"failed: {left.name}: ended too early: helper 1 with -9" in told


def test_where_all_helpers_end_at_once_every_cell_failed(lay, stub):
    with pytest.raises(SomeCellsFailed, match="ended too early: helper 1 with 3"):
        run(lay(), Silent(), stub.engine(), helpers=[script("raise SystemExit(3)")])
    assert stub.trained == []


def test_what_helpers_say_is_told_with_their_number():
    told: list[str] = []
    speak = "import sys; print('cell 1', file=sys.stderr); print('no table')"
    codes = start([script(speak), script("raise SystemExit(7)")], told.append)
    assert codes == [0, 7]
    assert told == ["[1] cell 1"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as on a terminal; a shell's background jobs ignore it, and so would the tests."""
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, earlier)


@pytest.mark.usefixtures("interruptible")
def test_helpers_end_with_the_run(tmp_path):
    mark = tmp_path / "started"
    code = f"import time, pathlib; pathlib.Path({str(mark)!r}).touch(); time.sleep(600)"

    def interrupt() -> None:
        while not mark.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    begun = time.monotonic()
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        start([script(code), script(code)], quiet)
    assert time.monotonic() - begun < 300


def test_a_helper_ends_where_the_one_that_started_it_is_gone():
    code = (
        "import time; from mfclip.bench.helpers import end_with_parent; end_with_parent(); "
        "time.sleep(600)"
    )
    one = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    assert one.stdin is not None
    one.stdin.close()
    assert one.wait(300) == -signal.SIGTERM


def context_of(*words: str):
    bench = get_command(command_tree()).commands["bench"]  # type: ignore[attr-defined]
    return bench.make_context("bench", list(words))


def test_helpers_are_told_what_this_command_was_told():
    words = (
        *("--recipe", "a.toml", "--protocol", "cross-generator", "--seeds", "0,1", "--inside", ""),
        *("--detector", "x=mfclip-small training.epochs=2", "--detector", "y=clip-small"),
        *("--light", "--restart", "--workers", "3", "--device", "cpu"),
    )
    asked = context_of(*words)
    helpers = helpers_of(asked, 3, "cpu")
    assert len(helpers) == 3
    given = context_of(*helpers[0].command[4:])
    changed = {"workers": 1, "restart": False, "as_helper": True}
    assert given.params == {**asked.params, **changed}
    assert helpers_of(asked, 1, "cpu") == []


def test_each_helper_has_its_share_of_the_cores(monkeypatch):
    monkeypatch.setattr("mfclip.cli.bench_helpers.cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    asked = context_of("--protocol", "within")
    assert helpers_of(asked, 3, "cpu")[0].environment["OMP_NUM_THREADS"] == "2"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert helpers_of(asked, 3, "cpu")[0].environment["OMP_NUM_THREADS"] == "5"


def test_gpus_are_taken_in_turn(monkeypatch):
    assert devices_for("cpu", 2) == ["cpu", "cpu"]
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert devices_for("auto", 3) == ["cuda:0", "cuda:1", "cuda:0"]
    assert devices_for("cuda:1", 2) == ["cuda:1", "cuda:1"]
    with pytest.raises(UsageError, match="does not exist"):
        devices_for("cuda:2", 2)
