"""What a run on Ray rests on, without Ray: names, sources, tables, plans, copies of inputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mfclip.data.images import ImageStatus
from mfclip.data.left_out import LeftOut
from mfclip.errors import BundleError, DataError, MissingExtraError, UsageError
from mfclip.inference.score import Score
from mfclip.scale.carried import MARKS, Carried
from mfclip.scale.folder import clear, counts_of, finished, require_own
from mfclip.scale.inputs import FETCHES, Bringing
from mfclip.scale.places import Place, opened, without_options
from mfclip.scale.plan import PLAN, Plan
from mfclip.scale.planning import SHARD, make_plan, require_same
from mfclip.scale.sources import Source
from mfclip.scale.tables import (
    LISTED,
    Columns,
    Item,
    bytes_of,
    open_table,
    read_items,
    scores_table,
)

arrow = pytest.importorskip("pyarrow", reason="needs mfclip[ray]")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs mfclip[ray]")

CONDITIONS = {"weights": "abc", "threshold": 0.5}


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Seven files that are called like images, and what is none."""
    folder = tmp_path / "faces"
    for number in range(7):
        file = folder / ("a" if number < 4 else "b") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number]))
    (folder / "a/notes.txt").write_text("no image")
    (folder / ".hidden.png").write_bytes(b"1")
    return folder


def listing(plan: Plan, options: str = "") -> list[list[str]]:
    """The names in each partition."""
    found = []
    for _, file, start, count in plan:
        with open_table(file, options) as table:
            items = read_items(table, file, plan.columns, start, count, listed=plan.listed)
            found.append([item.name for item in items])
    return found


@pytest.mark.parametrize("as_address", [False, True])
def test_a_plan_holds_every_input_once(faces: Path, tmp_path: Path, as_address: bool) -> None:
    name = faces.as_uri() if as_address else str(faces)
    out = Place.of((tmp_path / "out").as_uri() if as_address else str(tmp_path / "out"))
    left_out = LeftOut()
    plan = make_plan(out, Source([name]), 3, CONDITIONS, left_out)
    assert [part.inputs for part in plan] == [3, 3, 1]
    assert [part.file for part in plan] == [f"part-0000000{number}.parquet" for number in range(3)]
    names = [f"{name}/{'a' if number < 4 else 'b'}/{number}.png" for number in range(7)]
    assert listing(plan) == [names[:3], names[3:6], names[6:]]
    assert str(left_out) == "1 .txt, 1 hidden"
    assert Plan.read(out) == plan


def test_listed_inputs_fill_tables_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    count = 2 * SHARD + 3
    for number in range(count):
        (folder / f"{number:04}.png").touch()
    plan = make_plan(Place.of(str(tmp_path / "out")), Source([str(folder)]), 2, {}, LeftOut())
    assert [table.rows for table in plan.tables] == [2 * SHARD, 3]
    assert len(plan) == len(list(plan)) == SHARD + 2
    names = [name for part in listing(plan) for name in part]
    assert names == [str(folder / f"{number:04}.png") for number in range(count)]


def test_a_changed_source_is_refused(faces: Path, tmp_path: Path) -> None:
    out, source = Place.of(str(tmp_path / "out")), Source([str(faces)])
    plan = make_plan(out, source, 3, CONDITIONS, LeftOut())
    require_same(plan, out, source, None, CONDITIONS, LeftOut())
    with pytest.raises(UsageError, match=r"partition: 3 then, 4 now[^$]*--restart"):
        require_same(plan, out, source, 4, CONDITIONS, LeftOut())
    with pytest.raises(UsageError, match="weights: 'abc' then, 'def' now"):
        require_same(plan, out, source, None, CONDITIONS | {"weights": "def"}, LeftOut())
    first = faces / "a/0.png"
    times = first.stat().st_atime_ns, first.stat().st_mtime_ns
    first.write_bytes(b"another")
    os.utime(first, ns=times)
    with pytest.raises(UsageError, match="fingerprint"):
        require_same(plan, out, source, None, CONDITIONS, LeftOut())
    (faces / "b/new.png").write_bytes(b"1")
    with pytest.raises(UsageError, match="inputs: 7 then, 8 now"):
        require_same(plan, out, source, None, CONDITIONS, LeftOut())


def test_names_are_bytes_of_any_kind(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    file = folder / os.fsdecode(b"caf\xe9.png")
    file.touch()
    plan = make_plan(Place.of(str(tmp_path / "out")), Source([str(folder)]), 3, {}, LeftOut())
    assert listing(plan) == [[str(file)]]


def test_parts_of_a_table_are_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "faces.parquet"
    names = [f"{number}.png" for number in range(100)]
    parquet.write_table(arrow.table({"path": names}), file, row_group_size=7)
    plan = make_plan(Place.of(str(tmp_path / "out")), Source([str(file)]), 15, {}, LeftOut())
    assert plan.columns == LISTED
    assert [len(part) for part in listing(plan)] == [15] * 6 + [10]
    assert [name for part in listing(plan) for name in part] == [str(tmp_path / n) for n in names]


def test_a_table_may_hold_the_images_themselves(tmp_path: Path) -> None:
    faces = [{"bytes": b"one", "path": "a.png"}, {"bytes": b"two", "path": None}]
    file = tmp_path / "faces.parquet"
    parquet.write_table(arrow.table({"image": faces, "label": [0, 1]}), file)
    plan = make_plan(Place.of(str(tmp_path / "out")), Source([str(tmp_path)]), 9, {}, LeftOut())
    assert plan.columns == Columns(None, "image")
    with open_table(str(file)) as table:
        items = list(read_items(table, str(file), plan.columns, 0, 2, listed=False))
    assert items == [Item("a.png", b"one"), Item(f"{file}#1", b"two")]


def test_what_is_no_table_of_images_is_refused(tmp_path: Path) -> None:
    out = Place.of(str(tmp_path / "out"))
    file = tmp_path / "faces.parquet"
    file.write_bytes(b"no table")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        make_plan(out, Source([str(file)]), 9, {}, LeftOut())
    parquet.write_table(arrow.table({"label": [1]}), file)
    with pytest.raises(DataError, match=r"a column path, or a binary column[^$]*got: label"):
        make_plan(out, Source([str(file)]), 9, {}, LeftOut())
    with pytest.raises(UsageError, match="one after the other"):
        Source([str(file), str(tmp_path / "a.png")])
    with pytest.raises(UsageError, match="no Parquet file"):
        list(Source([str(tmp_path / "other.parquet")]).entries(LeftOut()))


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path, faces: Path) -> None:
    out = Place.of(str(tmp_path / "out"))
    require_own(out, resume=False, restart=False)
    plan = make_plan(out, Source([str(faces)]), 3, {}, LeftOut())
    with pytest.raises(UsageError, match="go on with --resume"):
        require_own(out, resume=False, restart=False)
    require_own(out, resume=True, restart=False)
    with pytest.raises(UsageError, match="exclude each other"):
        require_own(out, resume=True, restart=True)
    other = tmp_path / "out/thesis.txt"
    other.write_text("mine")
    with pytest.raises(UsageError, match=r"holds other files, such as 'thesis\.txt'"):
        require_own(out, resume=False, restart=True)
    other.unlink()
    clear(out)
    assert out.read(PLAN) is None
    assert out.names() == ["_plan"]
    assert len(plan) == 3


def test_finished_partitions_are_those_of_the_plan(tmp_path: Path, faces: Path) -> None:
    out = Place.of(str(tmp_path / "out"))
    plan = make_plan(out, Source([str(faces)]), 3, {}, LeftOut())
    second = list(plan)[1]
    note = {"plan": plan.key, "partition": 1, "counts": {"fake": 3}}
    out.put(second.file, bytes_of([scores_table([], ("path", "p_fake"), note)]))
    left = tmp_path / f"out/.{second.file}.0123abcd.new"
    left.write_bytes(b"half of it")
    assert list(finished(out, plan)) == [0, 1, 0]
    assert not left.exists()
    assert counts_of(out, plan, second) == {"fake": 3}
    out.put(second.file, bytes_of([scores_table([], ("path", "p_fake"), note | {"plan": "x"})]))
    with pytest.raises(UsageError, match="of another run"):
        counts_of(out, plan, second)


class _Store:
    """Stands for an object store: an object is there when its stream is closed."""

    type_name = "s3"

    def __init__(self) -> None:
        self.puts: list[tuple[str, bytes]] = []

    def open_output_stream(self, path: str) -> Any:
        store = self

        class Stream:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                store.puts.append((path, b"".join(self.parts)))

            def __init__(self) -> None:
                self.parts: list[bytes] = []

            def write(self, part: bytes) -> None:
                self.parts.append(part)

        return Stream()


def test_an_object_is_put_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = _Store()
    monkeypatch.setattr("mfclip.scale.places._file_system", lambda *_: (store, "bucket"))
    Place.of("s3://bucket/out?region=x").put("part-00000000.parquet", b"rows")
    assert store.puts == [("bucket/out/part-00000000.parquet", b"rows")]


def test_addresses() -> None:
    assert without_options("s3://b/faces/?region=x&y=1") == ("s3://b/faces", "region=x&y=1")
    assert without_options("what?.png") == ("what?.png", "")
    with pytest.raises(UsageError, match="credentials"):
        without_options("s3://key:secret@bucket/faces")
    with pytest.raises(UsageError, match="no file system"):
        opened("gopher://hole/x")
    _, path = opened("file:///a/b%20c.png")
    assert path == "/a/b%20c.png"
    assert opened(without_options("file:///")[0])[1] == "/"


def _scored(paths: list[Path]) -> list[Score]:
    """As a detector would: what is not there is missing."""
    status = [ImageStatus.OK if path.is_file() else ImageStatus.MISSING for path in paths]
    return [Score(p, None, None, 0.5, s, "") for p, s in zip(paths, status, strict=True)]


def test_inputs_are_copied_for_as_long_as_they_are_scored(tmp_path: Path, faces: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    items = [
        Item("faces/a/0.png"),
        Item(f"{faces.as_uri()}/a/1.png"),
        Item(f"{faces.as_uri()}/a/gone.png"),
        Item(faces.as_uri()),
        *(Item(f"{number}.PNG", b"bytes") for number in range(2 * FETCHES)),
    ]
    bringing = Bringing(items, scratch, "", str(tmp_path))
    paths = list(bringing.paths())
    assert paths[0] == faces / "a/0.png"
    assert paths[1].read_bytes() == b"\1"
    assert paths[4].read_bytes() == b"bytes"
    assert paths[4].suffix == ".PNG"
    found = list(bringing.named(_scored(paths)))
    assert [name for name, _ in found] == [item.name for item in items]
    statuses = [str(score.status) for _, score in found]
    assert statuses == ["ok", "ok", "missing", "unreadable"] + ["ok"] * 2 * FETCHES
    assert list(scratch.iterdir()) == []
    assert (faces / "a/0.png").exists()


def test_a_bundle_travels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mfclip.bundle.folder import DESCRIPTION
    from mfclip.exporting.openvino_model import MODEL

    assert MARKS == (DESCRIPTION, MODEL)
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    bundle = tmp_path / "bundle"
    (bundle / "figures").mkdir(parents=True)
    (bundle / DESCRIPTION).write_text("{}")
    (bundle / "figures/roc.svg").write_text("<svg/>")
    registry = tmp_path / "own.toml"
    registry.write_text("# mine")
    there, its_registry = Carried.of(bundle, registry).unpacked()
    assert {file.relative_to(there).as_posix() for file in there.rglob("*")} == {
        *(DESCRIPTION, "figures", "figures/roc.svg")
    }
    assert its_registry is not None
    assert its_registry.read_text() == "# mine"
    assert Carried.of(bundle, registry).unpacked() == (there, its_registry)
    assert Carried.of(bundle, None).unpacked()[0] != there
    with pytest.raises(BundleError, match="neither a bundle"):
        Carried.of(tmp_path, None)


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mfclip.scale import write_scores

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mfclip\[ray\]'"):
        write_scores([tmp_path], tmp_path, tmp_path / "out")


def test_the_driver_needs_no_torch() -> None:
    code = "import sys, mfclip.scale.run; print({'torch', 'ray', 'pyarrow'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
