from __future__ import annotations

import csv
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.errors import DataError
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import CSV_COLUMNS, ScoreTable, read_scores, write_scores

ROW = ("path", "label", "group", "identity")
FAKE = HierarchicalLabel("fake", "FS", "GAN", "g")
MANIFEST = Manifest(
    Path("faces"),
    (
        Row(Path("a/1.png"), HierarchicalLabel("real"), "test", "anna", "x"),
        Row(Path('a/2, "odd".png'), FAKE, "test", "", "x"),
        Row(Path("a/3.png"), FAKE, "test", "", ""),
    ),
)


@pytest.fixture
def table():
    return ScoreTable.from_manifest(MANIFEST, [-1 / 3, 2.0, np.nan])


def test_a_manifest_gives_one_row_an_image(table):
    assert table.path.tolist() == ["a/1.png", 'a/2, "odd".png', "a/3.png"]
    assert table.is_fake.tolist() == [False, True, True]
    assert table.generator.tolist() == ["", "g", "g"]
    assert table.forgery.tolist() == ["", "FS", "FS"]
    assert table.family.tolist() == ["", "GAN", "GAN"]
    assert table.identity.tolist() == ["anna", "", ""]
    assert table.group.tolist() == ["x", "x", ""]
    assert (table.reals, table.fakes) == (1, 2)


def test_one_score_a_row_is_needed():
    with pytest.raises(DataError, match=r"3 images but scores of shape \(2,\)"):
        ScoreTable.from_manifest(MANIFEST, [0.0, 1.0])


def test_columns_of_one_length_are_needed(table):
    columns = {field.name: getattr(table, field.name) for field in fields(table)}
    with pytest.raises(DataError, match="differ in length"):
        ScoreTable(**columns | {"group": table.group[:1]})


def test_scored_rows_have_finite_scores(table):
    assert table.scored().path.tolist() == table.path[:2].tolist()


def test_a_file_gives_the_same_table(table, tmp_path):
    write_scores(table, OperatingPoints(temperature=3.0), tmp_path / "scores.csv")
    again = read_scores(tmp_path / "scores.csv")
    for field in fields(table):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(table, field.name))


def test_a_file_shows_probability_and_verdict(table, tmp_path):
    write_scores(table, OperatingPoints(temperature=2.0, threshold=0.7), tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert tuple(lines[0]) == CSV_COLUMNS
    assert [line["p_fake"] for line in lines] == ["0.458430", "0.731059", ""]
    assert [line["verdict"] for line in lines] == ["real", "fake", ""]
    assert [line["log_odds"] for line in lines] == [repr(-1 / 3), "2.0", ""]


def test_an_empty_table_survives_a_file(tmp_path):
    empty = ScoreTable.from_manifest(Manifest(Path("faces"), ()), [])
    write_scores(empty, OperatingPoints(), tmp_path / "scores.csv")
    assert len(read_scores(tmp_path / "scores.csv")) == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png,maybe,,,,,,,1.0,,", "scores.csv:2: label must be real or fake, got 'maybe'"),
        ("a.png,real,,,,,,,high,,", "scores.csv:2: log_odds is no number: 'high'"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(line, message, tmp_path):
    file = tmp_path / "scores.csv"
    file.write_text(f"{','.join(CSV_COLUMNS)}\n{line}\n")
    with pytest.raises(DataError, match=message):
        read_scores(file)


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "other.csv").write_text("path,label\n")
    with pytest.raises(DataError, match="missing column forgery, family"):
        read_scores(tmp_path / "other.csv")


def test_an_absent_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"gone.csv: cannot be read: No such file"):
        read_scores(tmp_path / "gone.csv")


def test_a_path_that_is_no_text_survives_a_file(table, tmp_path):
    table.path[0] = "\udcff.png"
    write_scores(table, OperatingPoints(), tmp_path / "scores.csv")
    assert read_scores(tmp_path / "scores.csv").path[0] == "\udcff.png"


def test_a_file_without_videos_is_read(table, tmp_path):
    file = tmp_path / "scores.csv"
    write_scores(table, OperatingPoints(), file)
    with file.open() as stream:
        lines = [{**line, "video": None} for line in csv.DictReader(stream)]
    columns = [name for name in CSV_COLUMNS if name != "video"]
    with file.open("w") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(lines)
    again = read_scores(file)
    assert again.path.tolist() == table.path.tolist()
    assert again.video.tolist() == ["", "", ""]


def test_videos_survive_a_file(table, tmp_path):
    named = replace(table, video=np.array(["real/1", "a/2", ""]))
    write_scores(named, OperatingPoints(), tmp_path / "scores.csv")
    assert read_scores(tmp_path / "scores.csv").video.tolist() == ["real/1", "a/2", ""]


def test_videos_come_from_the_manifest():
    rows = [
        SimpleNamespace(is_fake=row.is_fake, **{name: getattr(row, name) for name in ROW})
        for row in MANIFEST
    ]
    rows[0].video, rows[1].video, rows[2].video = "real/1", "a/2", ""
    table = ScoreTable.from_manifest(Manifest(Path("faces"), tuple(rows)), np.zeros(3))
    assert table.video.tolist() == ["real/1", "a/2", ""]
    assert ScoreTable.from_manifest(MANIFEST, np.zeros(3)).video.tolist() == ["", "", ""]
