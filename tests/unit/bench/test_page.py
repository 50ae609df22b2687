"""The page and the files beside it, from a record made by hand."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from mfclip.bench.drawings import PAINTER, painter
from mfclip.bench.page import ACROSS
from mfclip.bench.record import BenchRecord, DetectorCost, read_record
from mfclip.bench.verify import _texts
from mfclip.bench.writing import rendered, write_record

from .conftest import COST
from .test_drawings import crossed, study


def record(tables, detectors="xy", synthetic=False, version=None) -> BenchRecord:
    about = study("cross-generator", detectors, trainings=["A", "B"])
    return BenchRecord(
        study=about.model_copy(update={"synthetic": synthetic}),
        recipes={},
        costs={name: DetectorCost.model_validate(COST) for name in detectors},
        versions={PAINTER: version or painter()},
        root="faces",
        fingerprint="0" * 64,
        images={"test": 70},
        manifests={},
        cells=(),
        tables=tuple(tables),
    )


def page(*args, **options) -> str:
    return rendered(record(*args, **options))["index.html"]


def test_a_figure_stands_with_its_table_and_as_a_file():
    files = rendered(record(crossed()))
    assert [name for name in files if name.endswith(".svg")] == ["cross-mean.svg"]
    alone = ElementTree.fromstring(files["cross-mean.svg"])
    assert alone.tag == "{http://www.w3.org/2000/svg}svg"
    html = files["index.html"]
    assert html.count("<svg") == 1
    assert html.index('id="cross"') < html.index('id="cross-mean"') < html.index("<svg")
    assert "File: cross-mean.svg" in html
    assert "http:" not in html
    assert "https:" not in html
    assert html.index("default-src 'none'") < html.index("<style")
    assert "<script" not in html


def test_the_page_has_the_style_as_it_is_written():
    html = page(crossed())
    assert '"Segoe UI", Roboto' in html, "quotes of the style escaped: every rule after is lost"
    assert "&#34;" not in html.partition("</style>")[0]


def test_a_table_too_wide_for_paper_is_split_with_its_row_heads():
    names = [f"g{i}" for i in range(ACROSS)]
    html = page(crossed(names=names, trainings=names[:1]))
    assert html.count('<table aria-labelledby="cross"') == 2
    assert re.findall(r"part \d of \d", html) == ["part 1 of 2", "part 2 of 2"]
    first, second = html.split('<table aria-labelledby="cross"')[1:]
    assert re.findall(r'scope="colgroup">(\w+)', first) == names[:4]
    assert re.findall(r'scope="colgroup">(\w+)', second) == [*names[4:], "mean"]
    for part in (first, second):
        assert re.findall(r'scope="row">(\w)<', part)[:2] == ["x", "y"]
    narrow = page(crossed(names=names[:-1], trainings=names[:1]))
    assert narrow.count('<table aria-labelledby="cross"') == 1
    assert "part 1" not in narrow


@pytest.mark.parametrize("synthetic", [True, False])
def test_drawn_images_are_announced_before_any_figure(synthetic):
    html = page(crossed(), synthetic=synthetic)
    assert ('<aside class="banner"' in html) is synthetic
    if synthetic:
        assert html.index("drawn by a program") < html.index("<table")


def written(folder, **options) -> list[str]:
    """What a check says of files that were written and perhaps changed."""
    write_record(folder, record(crossed(), **options))
    return list(_texts(read_record(folder / "record.json"), folder))


def test_what_was_written_is_found_again(tmp_path):
    assert written(tmp_path) == []


def test_a_page_from_before_the_policy_shows_the_same_figures(tmp_path):
    written(tmp_path)
    assert changed(tmp_path, "index.html", r"<meta http-equiv=[^>]*>\n", "") == []


def changed(folder, name, pattern, to) -> list[str]:
    text = (folder / name).read_text()
    found = re.sub(pattern, to, text, count=1)
    assert found != text
    (folder / name).write_text(found)
    return list(_texts(read_record(folder / "record.json"), folder))


def test_a_changed_figure_is_named(tmp_path):
    written(tmp_path)
    said = changed(tmp_path, "cross-mean.svg", r"L (\d+)\.", r"L 9\1.")
    assert said == [f"{tmp_path}/cross-mean.svg: does not show the figures of record.json"]
    (tmp_path / "cross-mean.svg").unlink()
    again = list(_texts(read_record(tmp_path / "record.json"), tmp_path))
    assert again == [f"{tmp_path}/cross-mean.svg: is missing"]


def test_a_figure_in_the_page_is_compared_too(tmp_path):
    written(tmp_path)
    (said,) = changed(tmp_path, "index.html", r"L (\d+)\.", r"L 9\1.")
    assert said.startswith(f"{tmp_path}/index.html")


def test_figures_of_another_version_are_compared_by_their_words(tmp_path):
    """Another matplotlib lays texts and axes out a little differently: no tampering."""
    assert written(tmp_path, version="3.0.0 (FreeType 2.6.1)") == []
    for name in ("cross-mean.svg", "index.html"):
        assert changed(tmp_path, name, r"L (\d+)\.", r"L 9\1.") == []
    (said,) = changed(tmp_path, "cross-mean.svg", "A, x 85.0", "A, x 95.0")
    assert "cross-mean.svg: does not show" in said
    said = changed(tmp_path, "index.html", ">A · 40<", ">A · 4000<")
    assert [one.rpartition("/")[2].partition(":")[0] for one in said] == [
        "cross-mean.svg",
        "index.html",
    ]
