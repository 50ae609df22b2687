from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from mfclip.bench.cells import completed, differences
from mfclip.bench.detectors import Candidate, Source, read_candidates
from mfclip.bench.grid import Grid, holding_seeds, make_grid
from mfclip.bench.planned import planned
from mfclip.bench.protocols import Options, make_protocol
from mfclip.bench.run import run
from mfclip.building.events import Silent
from mfclip.data.manifest import Manifest, read_manifest
from mfclip.errors import DataError, UsageError
from mfclip.plugins.discovery import discover
from mfclip.recipe.registry import read_registry
from mfclip_vision.parts import Cvit

from .conftest import REAL, data, rows

RECIPE = """
recipe = 1
assembly = "{assembly}"
[data]
use = "manifest"
root = "faces"
findings = "warn"
[training]
epochs = 1
{more}
[evaluation]
bootstrap = 100
"""
Lay = Callable[..., Grid]


@pytest.fixture(scope="module")
def plugins():
    return discover()


@pytest.fixture
def faces(tmp_path) -> Manifest:
    """Images that are there, so that fingerprints mean something."""
    root = tmp_path / "faces"
    root.mkdir()
    manifest = data(
        rows(REAL, each=4),
        rows(("fake", "EFS", "GAN", "alpha"), each=3),
        rows(("fake", "FS", "GAN", "gamma"), each=3),
        root=root,
    )
    for place, file in enumerate(manifest.files()):
        Image.new("RGB", (8, 8), (place, 0, 0)).save(file)
    return manifest


@pytest.fixture
def lay(tmp_path, faces, plugins) -> Lay:
    def make(
        name: str = "cross-forgery",
        more: str = "",
        seeds: tuple[int, ...] = (0, 1),
        options: Options | None = None,
    ) -> Grid:
        found = []
        for assembly in ("cvit-small", "clip-small"):
            (tmp_path / f"{assembly}.toml").write_text(RECIPE.format(assembly=assembly, more=more))
            found.append(Source(assembly, tmp_path / f"{assembly}.toml"))
        candidates = read_candidates(found, (), plugins, read_registry())
        protocol = make_protocol(name, faces, options)
        return make_grid(protocol, candidates, seeds, faces, tmp_path / "out", plugins)

    return make


def test_every_combination_is_a_cell_and_the_first_seed_comes_first(lay):
    grid = lay()
    assert [cell.name for cell in grid.cells[:5]] == [
        "EFS, cvit-small, seed 0",
        "EFS, clip-small, seed 0",
        "FS, cvit-small, seed 0",
        "FS, clip-small, seed 0",
        "EFS, cvit-small, seed 1",
    ]
    assert len({cell.bundle for cell in grid.cells}) == len(grid.cells) == 8
    assert {cell.recipe.training.seed for cell in grid.cells} == {0, 1}


def test_cells_know_that_their_images_are_drawn(lay, faces, plugins, tmp_path):
    """The manifest that a cell reads them through cannot know."""
    grid = lay()
    assert not any(cell.synthetic for cell in grid.cells)
    sample = plugins.get("dataset", "sample").schema()
    drawn = [
        Candidate(one.name, one.recipe.model_copy(update={"data": sample}))
        for one in grid.candidates
    ]
    made = make_grid(grid.protocol, drawn, (0,), faces, tmp_path / "out", plugins)
    assert all(cell.synthetic for cell in made.cells)
    assert {cell.recipe.data.use for cell in made.cells} == {"manifest"}
    assert [cell.identity for cell in made.cells] == [cell.identity for cell in grid.cells[:4]]


def test_a_run_trains_each_cell_once_and_writes_the_tables(lay, stub):
    done = run(lay(), Silent(), stub.engine())
    assert len(stub.trained) == 8
    names = {path.name for path in done.folder.iterdir()}
    assert {"record.json", "index.html", "cross-forgery.md", "cross-forgery-mean.csv"} <= names
    first = done.record.tables[0]
    assert [row.training for row in first.rows] == ["EFS", "EFS", "FS", "FS"]
    assert [len(row.cells) for row in first.rows] == [2] * 4
    assert all(len(cell.auc.values) == 2 for row in first.rows for cell in row.cells)


def test_a_manifest_holds_the_training_set_and_the_whole_test_split(lay, stub, faces):
    run(lay(), Silent(), stub.engine())
    made = read_manifest(faces.root.parent / "out/manifests/forgery-efs.csv", faces.root)
    kinds = {
        split: {row.label.forgery for row in made.of_split(split)} for split in ("train", "val")
    }
    assert kinds == {"train": {"", "EFS"}, "val": {"", "EFS"}}
    assert made.of_split("test").rows == faces.of_split("test").rows


def test_finished_cells_are_used_again(lay, stub):
    first = run(lay(), Silent(), stub.engine())
    texts = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    again = run(lay(), Silent(), stub.engine())
    assert len(stub.trained) == 8
    assert {path.name: path.read_bytes() for path in again.folder.iterdir()} == texts


def test_more_seeds_train_only_what_is_new(lay, stub):
    run(lay(seeds=(0,)), Silent(), stub.engine())
    assert len(stub.trained) == 4
    run(lay(seeds=(0, 2)), Silent(), stub.engine())
    assert stub.trained[4:] == ["cvit-small 2", "clip-small 2"] * 2


def test_an_interrupted_grid_goes_on(lay, stub):
    stub.die_at = 3
    with pytest.raises(KeyboardInterrupt):
        run(lay(), Silent(), stub.engine())
    assert [cell.state() for cell in lay().cells[:5]] == [
        *["finished"] * 3,
        "unfinished",
        "new",
    ]
    stub.die_at = None
    interrupted = run(lay(), Silent(), stub.engine())
    assert len(stub.trained) == 8
    shutil.rmtree(interrupted.folder.parents[1])
    straight = run(lay(), Silent(), stub.engine())
    assert straight.record.tables == interrupted.record.tables


def test_a_cell_killed_before_its_note_is_completed(lay, stub):
    run(lay(), Silent(), stub.engine())
    cell = lay().cells[0]
    record = cell.record()
    cell.write(record.model_copy(update={"weights_sha256": "", "seconds": None}))
    run(lay(), Silent(), stub.engine())
    assert len(stub.trained) == 8
    assert cell.record().weights_sha256 == record.weights_sha256


def test_another_recipe_is_refused_by_name_before_anything_is_trained(lay, stub):
    run(lay(), Silent(), stub.engine())
    with pytest.raises(UsageError) as caught:
        run(lay(more="learning_rate = 0.5"), Silent(), stub.engine())
    assert "8 cells that were begun with something else" in str(caught.value)
    assert "recipe.training.learning_rate: was 0.0001, is 0.5" in str(caught.value)
    assert "--restart" in str(caught.value)
    assert len(stub.trained) == 8


def test_restart_trains_changed_cells_anew(lay, stub):
    run(lay(), Silent(), stub.engine())
    run(lay(more="learning_rate = 0.5"), Silent(), stub.engine(), restart=True)
    assert len(stub.trained) == 16
    run(lay(more="learning_rate = 0.5"), Silent(), stub.engine(), restart=True)
    assert len(stub.trained) == 16


def test_what_changes_no_weights_does_not_matter(lay, stub):
    run(lay(), Silent(), stub.engine())
    run(lay(more="workers = 0\ncheckpoint_steps = 5"), Silent(), stub.engine())
    assert len(stub.trained) == 8


def test_other_images_are_noticed(lay, stub, faces):
    run(lay(), Silent(), stub.engine())
    Image.new("RGB", (99, 99)).save(faces.files()[0])
    with pytest.raises(UsageError, match="images: was"):
        run(lay(), Silent(), stub.engine())


def test_somebody_elses_bundle_is_not_used(lay, stub):
    grid = lay()
    grid.cells[0].bundle.mkdir(parents=True)
    with pytest.raises(UsageError, match="without a record of how it was made"):
        run(grid, Silent(), stub.engine())


def test_two_protocols_share_a_training(lay, stub):
    run(lay("within", seeds=(0,)), Silent(), stub.engine())
    done = run(
        lay("robustness", seeds=(0,), options=Options(corruptions=("blur",), levels=(1, 3))),
        Silent(),
        stub.engine(),
    )
    assert len(stub.trained) == 2
    assert stub.scored == [
        f"all, {name}, seed 0: blur-{level}"
        for name in ("cvit-small", "clip-small")
        for level in (1, 3)
    ]
    (table,) = done.record.tables
    assert [column.name for column in table.columns] == ["level 0", "level 1", "level 3"]
    assert table.average == "mean of levels 1, 3"
    assert (done.folder.parent / "within" / "record.json").exists()


def test_corrupted_scores_are_kept_and_made_anew_at_another_size(lay, stub):
    options = Options(corruptions=("blur",), levels=(1,))
    run(lay("robustness", seeds=(0,), options=options), Silent(), stub.engine())
    run(lay("robustness", seeds=(0,), options=options), Silent(), stub.engine())
    assert len(stub.scored) == 2
    sized = options.model_copy(update={"size": 64})
    run(lay("robustness", seeds=(0,), options=sized), Silent(), stub.engine())
    assert stub.scored[2:] == [
        f"all, {name}, seed 0: {slug}"
        for name in ("cvit-small", "clip-small")
        for slug in ("none-0", "blur-1")
    ]


def test_errors_of_the_data_check_stop_a_grid_before_training(lay, stub, faces, tmp_path):
    grid = lay()
    faces.files()[0].unlink()
    strict = tuple(
        Candidate(
            one.name,
            one.recipe.model_copy(
                update={"data": one.recipe.data.model_copy(update={"findings": "stop"})}
            ),
        )
        for one in grid.candidates
    )
    grid = make_grid(grid.protocol, strict, (0,), faces, tmp_path / "other", discover())
    with pytest.raises(DataError, match="cannot be used as they are"):
        run(grid, Silent(), stub.engine())
    assert stub.trained == []


@pytest.mark.parametrize("seeds", [(), (1, 1), (-1,)])
def test_seeds_are_checked(lay, seeds):
    with pytest.raises(UsageError, match="each once"):
        lay(seeds=seeds)


def test_a_damaged_record_is_told(lay, stub):
    run(lay(), Silent(), stub.engine())
    cell = lay().cells[0]
    (cell.folder / "cell.json").write_text("{")
    with pytest.raises(Exception, match="is damaged"):
        cell.state()


def test_a_record_names_everything(lay, stub):
    done = run(lay(), Silent(), stub.engine())
    written = json.loads((done.folder / "record.json").read_text())
    assert written["study"]["seeds"] == [0, 1]
    assert set(written["recipes"]) == {"cvit-small", "clip-small"}
    assert "[data]" not in written["recipes"]["cvit-small"]
    assert {"mfclip", "torch", "python"} <= set(written["versions"])
    assert len(written["fingerprint"]) == 64
    assert len(written["cells"]) == 8
    assert {cell["device"] for cell in written["cells"]} == {"stub"}
    assert all(not Path(name).is_absolute() for cell in written["cells"] for name in cell["scores"])


def test_an_option_that_came_later_is_no_change_at_its_default():
    then = {"vision": {"use": "eye", "parts": [{"a": 1}]}, "training": {"epochs": 2}}
    now = {
        "vision": {"use": "eye", "parts": [{"a": 1, "late": 0}], "late": 5},
        "training": {"epochs": 3, "schedule": "cosine", "late": None},
        "augmentation": {"mirror": 0.0},
    }
    kept = {"vision": {"parts": [{"a": 1}]}, "training": {"epochs": 3, "schedule": "cosine"}}
    assert list(differences(completed(then, now, kept), now)) == [
        "training.epochs: was 2, is 3",
        'training.schedule: was nothing, is "cosine"',
    ]


def test_cells_of_an_older_version_are_used_again(lay, stub):
    grid = lay()
    run(grid, Silent(), stub.engine())
    cell = grid.cells[0]
    record = cell.record()
    recipe = {**record.identity["recipe"]}
    del recipe["augmentation"]
    recipe["training"] = {k: v for k, v in recipe["training"].items() if k != "sampling"}
    cell.write(record.model_copy(update={"identity": {**record.identity, "recipe": recipe}}))
    assert not cell.changes()
    recipe["training"]["optimiser"] = "adamw"
    cell.write(record.model_copy(update={"identity": {**record.identity, "recipe": recipe}}))
    assert cell.changes() == ['recipe.training.optimiser: was "adamw", is "adam"']


def test_differences_are_told_by_their_path():
    then = {"a": {"b": 1, "c": [1, 2]}, "gone": 1}
    now = {"a": {"b": 2, "c": [1, 3]}, "new": "x" * 99}
    assert list(differences(then, now)) == [
        "a.b: was 1, is 2",
        "a.c.1: was 2, is 3",
        "gone: was 1, is nothing",
        'new: was nothing, is "xxxxxxxxxxxx…',
    ]


def test_other_seeds_may_be_trained_in_the_same_folder_at_the_same_time(tmp_path):
    def tried(seeds: list[int]) -> str:
        told = []

        def take() -> None:
            try:
                with holding_seeds(tmp_path / "grid", seeds):
                    told.append("held")
            except UsageError as error:
                told.append(str(error))

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        return told[0]

    with holding_seeds(tmp_path / "grid", [0, 1]):
        assert tried([2, 3]) == "held"
        assert "seed-1 is being written by process" in tried([1, 2])
    assert tried([0, 1]) == "held"
    assert list(tmp_path.iterdir()) == []


FOLDS = """validation = "left-out:generator"
[candidates]
"training.learning_rate" = [1e-4, 3e-4]
"""


def test_the_plan_counts_every_training_of_a_choice_by_kinds_left_out(lay, plugins):
    lines = list(planned(lay("robustness", FOLDS, (0,)), plugins))
    assert [line.rpartition(", ")[2] for line in lines[:2]] == ["5 trainings"] * 2  # 2 × 2 + 1
    assert "2 cells, 10 trainings to do; 10 test images each" in lines


def test_the_plan_tells_of_folds_that_the_data_do_not_allow(lay, plugins):
    lines = list(planned(lay("cross-forgery", FOLDS, (0,)), plugins))
    assert all("cannot be trained: DataError" in line for line in lines[:4])
    assert "4 cells, 0 trainings to do; 10 test images each" in lines


def test_the_plan_tells_what_to_know_of_each_detector(lay, plugins, monkeypatch):
    monkeypatch.setattr(Cvit, "remarks", lambda *_: ["learns by heart"])
    lines = list(planned(lay("robustness", "", (0,)), plugins))
    assert "note: cvit-small: vision: cvit: learns by heart" in lines
