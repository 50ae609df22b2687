"""What programs write for "not known" is not known: never a name that a thousand images share."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mfclip.data.audit import audit
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import read_manifest
from mfclip.errors import DataError
from mfclip.evaluation.evaluate import evaluate
from mfclip.metrics.bootstrap import clusters
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import ScoreTable, read_scores, write_scores
from mfclip.recipe.settings import EvaluationSettings

WORDS = ["", "nan", "NaN", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaT", "None", "null", "NULL"]
HEAD = "path,label,forgery,family,generator,split,identity,group,video\n"


def rows_of(manifest):
    return [row.cells() for row in manifest.rows]


@pytest.mark.parametrize("word", WORDS)
def test_every_way_to_say_missing_is_an_empty_cell(tmp_path, word):
    empty, said = tmp_path / "empty.csv", tmp_path / "said.csv"
    empty.write_text(HEAD + "a.png,real,,,,,,,\nb.png,fake,FS,GAN,one,test,p1,g,v\n")
    said.write_text(HEAD + f"a.png,real{7 * f',{word}'}\nb.png,fake,FS,GAN,one,test,p1,g,v\n")
    manifest = read_manifest(said)
    assert rows_of(manifest) == rows_of(read_manifest(empty))
    assert manifest == read_manifest(empty, tmp_path)
    assert len(manifest.notes) == (7 if word else 0)
    if word:
        told = f"column identity: 1 cell with {word!r} taken as missing values"
        assert told in manifest.notes
        found = [one.message for one in audit(manifest).findings if one.code == "missing-values"]
        assert told in found


@pytest.mark.parametrize("name", ["nano", "Nathan", "none-1", "0", "12"])
def test_names_that_only_look_alike_stay(tmp_path, name):
    file = tmp_path / "m.csv"
    file.write_text(f"path,label,identity\na.png,real,{name}\n")
    manifest = read_manifest(file)
    assert manifest.rows[0].identity == name
    assert manifest.notes == ()


def test_parquet_knows_missing_numbers_and_keeps_whole_ones_whole(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "path": ["a.png", "b.png", "c.png"],
        "label": ["real", "fake", "fake"],
        "identity": [12.0, math.nan, None],
        "group": ["nan", None, "x"],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "m.parquet")
    manifest = read_manifest(tmp_path / "m.parquet")
    assert [row.identity for row in manifest.rows] == ["12", "", ""]
    assert [row.group for row in manifest.rows] == ["", "", "x"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nan,real", "path is missing: 'nan'"),
        (",real", "path is empty"),
        ("a.png,nan", "label 'nan' is not one of: real, fake"),
        ("a\0.png,real", "holds a NUL byte"),
    ],
)
def test_a_row_without_path_or_label_is_an_error(tmp_path, line, told):
    file = tmp_path / "m.csv"
    file.write_text(f"path,label\n{line}\n")
    with pytest.raises(DataError, match=f"line 2: {told}"):
        read_manifest(file)


@pytest.mark.parametrize(
    "content", [b"\xff\xfep\0a\0", b"\x89PNG\r\n\x1a\n\0\0", b"path,label\r\0\n"]
)
def test_what_is_no_text_is_told(tmp_path, content):
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(DataError, match="save it as UTF-8"):
        read_manifest(tmp_path / "m.csv")


@pytest.fixture
def table():
    """60 images of 60 people, of whom nobody is known."""
    draw = np.random.default_rng(0)
    fake = np.arange(60) % 2 == 1
    names = np.full(60, "", dtype=np.str_)
    fields = dict.fromkeys(("group", "forgery", "family", "generator", "video"), names)
    return ScoreTable(
        log_odds=draw.normal(size=60) + fake,
        is_fake=fake,
        path=np.array([f"{n}.png" for n in range(60)]),
        identity=np.array(["nan"] * 60),
        **fields,
    )


def test_a_scores_file_with_nan_for_identities_counts_images(table, tmp_path):
    write_scores(table, OperatingPoints(), tmp_path / "s.csv")
    again = read_scores(tmp_path / "s.csv")
    assert len(np.unique(clusters(again))) == 60
    found = evaluate(again, OperatingPoints(), EvaluationSettings(bootstrap=200)).overall.roc_auc
    assert found.high - found.low > 0.1


def test_one_identity_with_most_of_the_images_is_warned_of(table, tmp_path):
    found = evaluate(table, OperatingPoints(), EvaluationSettings(bootstrap=100))
    assert any("60 of 60 images have the identity 'nan'" in text for text in found.warnings)
    lines = [f"{n}.png,{'fake' if n % 2 else 'real'},{'x' if n < 25 else n}" for n in range(60)]
    file = tmp_path / "m.csv"
    file.write_text("\n".join(["path,label,identity", *lines]))
    (warned,) = [one for one in audit(read_manifest(file)).warnings if one.code == "one-identity"]
    assert "25 of 60 images have the identity 'x'" in warned.message
    file.write_text("\n".join(["path,label,identity", *lines]).replace(",x", ",y", 6))
    assert not [one for one in audit(read_manifest(file)).warnings if one.code == "one-identity"]


def test_labels_of_levels_that_say_none_make_no_prompt_of_their_own(tmp_path):
    file = tmp_path / "m.csv"
    file.write_text("path,label,forgery,generator\na.png,fake,None,nan\nb.png,fake,,\n")
    assert read_manifest(file).labels() == (HierarchicalLabel("fake"),)
