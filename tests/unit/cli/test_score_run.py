"""Rows of an unfinished run: whichever byte it was killed at, it goes on to the same file."""

from collections import Counter
from pathlib import Path

import pytest

from mfclip.cli.score_rows import Format, pour, sink_for
from mfclip.cli.score_run import ROWS, RUN, check_place, open_rows, partial_of
from mfclip.data.images import ImageStatus
from mfclip.errors import UsageError
from mfclip.inference.score import Score

NAMES = ["a.png", 'b "quoted".png', "c,comma.png", "d\nline.png", "é.png", "f\udcff.png", "g.png"]
PATHS = [Path(name) for name in NAMES]
CONDITIONS = {"weights": "abc", "threshold": 0.5}


class Killed(Exception):
    """Stands for the end of the process."""


def score(path: Path) -> Score:
    if path.name == "c,comma.png":
        return Score(path, None, None, 0.5, ImageStatus.EMPTY, "has no bytes")
    return Score(path, len(path.name) / 40, "fake" if len(path.name) > 6 else "real", 0.5)


def run(out: Path, form: Format, *, resume: bool = False, stop: int | None = None, batch: int = 2):
    """Score all files; the counts. It is killed after ``stop`` rows."""
    paths = iter(PATHS)

    def scores():
        for number, path in enumerate(paths):
            if number == stop:
                raise Killed
            yield score(path)

    with open_rows(out, form, CONDITIONS, paths, batch_size=batch, resume=resume) as rows:
        pour(scores(), rows.stream, sink_for(rows.stream, form), rows.counts, batch)
    return rows.counts


@pytest.fixture(params=["csv", "jsonl"])
def form(request) -> Format:
    return request.param


def test_killed_at_any_byte_it_goes_on_to_the_same_file(tmp_path: Path, form: Format) -> None:
    whole = tmp_path / "whole"
    counts = run(whole, form)
    assert counts == Counter(real=4, fake=2, empty=1)
    content = whole.read_bytes()
    assert not partial_of(whole).exists()
    out = tmp_path / "out"
    for size in range(len(content) + 1):
        with pytest.raises(Killed):
            run(out, form, stop=3)
        (partial_of(out) / ROWS).write_bytes(content[:size])
        assert run(out, form, resume=True) == counts
        assert out.read_bytes() == content
        assert [path.name for path in tmp_path.iterdir()].count("out.partial") == 0
        out.unlink()


def test_whole_batches_are_kept_and_their_files_not_scored_again(tmp_path: Path, form) -> None:
    out = tmp_path / "out"
    with pytest.raises(Killed):
        run(out, form, stop=5)
    with pytest.raises(Killed):
        run(out, form, resume=True, stop=1)  # 4 rows lie there, it begins at the fifth
    rows = (partial_of(out) / ROWS).read_bytes()
    assert b"\xc3\xa9.png" in rows
    assert b"g.png" not in rows


def test_another_run_is_refused_with_what_differs(tmp_path: Path, form: Format) -> None:
    out = tmp_path / "out"
    with pytest.raises(Killed):
        run(out, form, stop=5)
    before = (partial_of(out) / ROWS).read_bytes()
    changed = {**CONDITIONS, "threshold": 0.25}
    with (
        pytest.raises(UsageError, match=r"  threshold: 0\.5 then, 0\.25 now\n.*--restart"),
        open_rows(out, form, changed, iter(PATHS), batch_size=2, resume=True),
    ):
        pass
    with (
        pytest.raises(UsageError, match=r"row 1 is of a\.png, where g\.png is found now"),
        open_rows(out, form, CONDITIONS, iter(PATHS[::-1]), batch_size=2, resume=True),
    ):
        pass
    with (
        pytest.raises(UsageError, match="where no file is found now"),
        open_rows(out, form, CONDITIONS, iter(PATHS[:1]), batch_size=2, resume=True),
    ):
        pass
    assert (partial_of(out) / ROWS).read_bytes() == before
    (partial_of(out) / RUN).write_text("{")
    with (
        pytest.raises(UsageError, match=r"cannot be read .*--restart"),
        open_rows(out, form, CONDITIONS, iter(PATHS), batch_size=2, resume=True),
    ):
        pass


def test_damaged_rows_are_refused(tmp_path: Path, form: Format) -> None:
    out = tmp_path / "out"
    with pytest.raises(Killed):
        run(out, form, stop=5)
    rows = partial_of(out) / ROWS
    lines = rows.read_bytes().splitlines(keepends=True)
    rows.write_bytes(b"".join([lines[0], b"nonsense\n", *lines[1:]]))
    with pytest.raises(UsageError, match="is damaged"):
        run(out, form, resume=True)


def test_an_unfinished_run_is_in_the_way_of_another(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    check_place(out, resume=False, restart=False)
    with pytest.raises(Killed):
        run(out, "csv", stop=5)
    with pytest.raises(UsageError, match="go on with --resume, or discard it with --restart"):
        check_place(out, resume=False, restart=False)
    check_place(out, resume=True, restart=False)
    check_place(out, resume=False, restart=True)
    run(out, "csv")  # what --restart does
    run(tmp_path / "again", "csv")
    assert out.read_bytes() == (tmp_path / "again").read_bytes()


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        check_place(tmp_path / "out", resume=True, restart=True)
    for out in (None, Path("/dev/null")):
        with pytest.raises(UsageError, match="need --out FILE"):
            check_place(out, resume=True, restart=False)
        check_place(out, resume=False, restart=False)


def test_a_device_is_written_to_directly() -> None:
    assert run(Path("/dev/null"), "csv").total() == len(PATHS)
    assert not Path("/dev/null.partial").exists()
