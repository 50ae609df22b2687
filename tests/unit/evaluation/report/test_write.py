from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from mfclip.evaluation.evaluate import evaluate
from mfclip.evaluation.report import ReportData, render_report, write_report
from mfclip.evaluation.report.write import lead
from mfclip.metrics.operating import OperatingPoints
from mfclip.recipe.settings import EvaluationSettings

VOID = {"meta", "img", "br", "hr", "input", "link"}
SECTIONS = ["summary", "results", "curves", "samples", "training", "similarity", "data", "parts"]
SECTIONS += ["recipe", "versions"]


class Page(HTMLParser):
    """Elements with their attributes and text, refusing what is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, list[str]]] = []
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(text)
        self.close()
        assert not self.stack, f"never closed: {self.stack}"

    def handle_starttag(self, tag, attrs):
        text: list[str] = []
        self.elements.append((tag, dict(attrs), text))
        if tag not in VOID:
            self.stack.append((tag, text))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        opened, _ = self.stack.pop()
        assert opened == tag, f"<{opened}> closed by </{tag}>"

    def handle_data(self, data):
        for _, text in self.stack:
            text.append(data)

    def all(self, tag):
        return [(attrs, "".join(text)) for name, attrs, text in self.elements if name == tag]


@pytest.fixture(scope="module")
def text(full):
    return render_report(full)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_a_full_report_has_every_section(page):
    assert [attrs["id"] for attrs, _ in page.all("section")] == SECTIONS


def test_ids_are_unique_and_references_lead_somewhere(page, text):
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = set(re.findall(r'(?:url\(|href=")#([^")]+)', text))
    assert targets
    assert targets <= set(ids)


def test_nothing_is_loaded_from_elsewhere(page, text):
    addresses = [
        attrs[name]
        for _, attrs, _ in page.elements
        for name in ("src", "href", "action", "srcset", "data", "poster")
        if name in attrs
    ]
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not re.search(r"https?:|@import|url\((?!#)", text)
    policy = next(a for a, _ in page.all("meta") if "http-equiv" in a)
    assert policy["content"].startswith("default-src 'none'")


def test_there_is_no_script_and_names_are_escaped(page, text):
    tags = {tag for tag, _, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "i-am-no-tag"}
    assert not any(name.startswith("on") for _, attrs, _ in page.elements for name in attrs)
    assert "&lt;script&gt;alert(1)" in text
    ((_, recipe),) = page.all("code")
    assert recipe == 'name = "</code><script>"'
    assert page.all("h1")[0][1] == 'A <b> & "c"'


def test_every_picture_has_a_text_in_its_place_and_a_caption(page):
    images, drawings, figures = page.all("img"), page.all("svg"), page.all("figure")
    assert len(images) == 4
    assert all(len(attrs["alt"]) > 10 for attrs, _ in images)
    assert len(drawings) == 9
    assert all(attrs["role"] == "img" and len(attrs["aria-label"]) > 10 for attrs, _ in drawings)
    captions = page.all("figcaption")
    assert len(captions) == len(figures)
    assert all(caption.strip() for _, caption in captions)


def test_captions_of_results_name_counts_and_intervals(page, full):
    row = full.evaluation.overall
    captions = " ".join(caption for _, caption in page.all("figcaption"))
    assert f"ROC of {row.reals} reals and {row.fakes} fakes" in captions
    assert f"AUC {row.roc_auc} percent" in captions


def test_headings_of_tables_are_marked(page):
    assert {attrs.get("scope") for attrs, _ in page.all("th")} == {"col", "row"}


def test_the_tables_hold_every_figure(page, full):
    cells = "".join(text for _, text in page.all("table"))
    for row in full.evaluation.rows():
        assert f"{100 * row.roc_auc.value:.1f}" in cells
        assert f"{100 * row.roc_auc.low:.1f}–{100 * row.roc_auc.high:.1f}" in cells


def test_threshold_and_meaning_of_p_fake_are_told(page, full):
    prose = " ".join(text for _, text in page.all("p"))
    points = full.evaluation.operating
    assert f"p_fake ≥ {points.threshold:.3f}" in prose
    assert f"validation split ({points.reals} reals, {points.fakes} fakes)" in prose
    assert "Nothing was fitted on the test split" in prose


def test_synthetic_data_are_announced(page, full):
    assert "Synthetic data" in page.all("aside")[0][1]
    assert not Page(render_report(ReportData(title="photos"))).all("aside")


def test_samples_show_verdict_truth_and_patch(page):
    captions = [" ".join(text.split()) for _, text in page.all("figcaption")]
    assert any("✓ right p_fake 0.980, verdict fake; truth: fake" in text for text in captions)
    assert any("✗ wrong p_fake 0.900, verdict fake; truth: real" in text for text in captions)
    (box,) = [attrs for attrs, _ in page.all("span") if attrs.get("class") == "box"]
    assert box["style"] == "left:50.000%;top:0.000%;width:50.000%;height:50.000%;"


def test_a_page_can_be_made_again(full, text):
    assert render_report(full) == text


def test_a_title_is_enough_and_the_rest_is_accounted_for(tmp_path):
    write_report(tmp_path / "report.html", ReportData(title="untrained"))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert [attrs["id"] for attrs, _ in page.all("section")] == ["summary", "absent"]
    items = [" ".join(text.split()) for _, text in page.all("li")]
    assert len(items) == 7
    assert "Training curves: nothing was trained." in items
    assert "was not fitted on any data" in " ".join(text for _, text in page.all("p"))


@pytest.mark.parametrize(
    ("field", "value", "section"),
    [
        ("evaluation", None, "results"),
        ("scores", None, "curves"),
        ("history", (), "training"),
        ("similarity", None, "similarity"),
        ("samples", (), "samples"),
        ("findings", None, "data"),
        ("recipe", "", "recipe"),
    ],
)
def test_each_missing_piece_has_a_reason(full, field, value, section, monkeypatch):
    # The figures take time and have tests of their own.
    monkeypatch.setattr("mfclip.evaluation.report.write._drawings", no_drawings)
    lacking = replace(full, absent={section: "it was foggy"}, **{field: value})
    page = Page(render_report(lacking))
    assert section not in [attrs["id"] for attrs, _ in page.all("section")]
    assert any("it was foggy" in text for _, text in page.all("li"))


def no_drawings(data):
    return {"forest": None, "curves": [], "training": [], "similarity": None}


@pytest.mark.parametrize("fake", [[], [True] * 4, [False] * 4])
def test_one_sided_results_make_a_page(table_of, fake):
    table = table_of(fake, [0.0, 1.0, 2.0, 3.0][: len(fake)], group=["a", "b"] * (len(fake) // 2))
    evaluation = evaluate(table, OperatingPoints(), EvaluationSettings(bootstrap=100))
    text = render_report(ReportData(title="odd", evaluation=evaluation, scores=table))
    Page(text)
    assert "could not be measured" in text
    assert "nan" not in re.sub(r'"[^"]*"', "", text).lower()


def test_the_lead_tells_the_result_in_plain_words(table_of):
    table = table_of([True] * 50 + [False] * 50, np.r_[np.ones(40), -np.ones(60)])
    found = evaluate(table, OperatingPoints(), EvaluationSettings(bootstrap=100))
    text = lead(found, "my photos")
    assert "a random real of my photos" in text
    assert "higher score in 90.0\N{NO-BREAK SPACE}% of cases" in text
    assert "judges 90.0\N{NO-BREAK SPACE}% of the images rightly" in text
    assert "flags 0.0\N{NO-BREAK SPACE}% of the reals" in text
    assert "misses 20.0\N{NO-BREAK SPACE}% of the fakes" in text


def test_a_failed_write_leaves_the_earlier_report(tmp_path, monkeypatch):
    file = tmp_path / "report.html"
    write_report(file, ReportData(title="first"))

    def full_disk(path, content):
        path.open("wb").write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_report(file, ReportData(title="second"))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert "<h1>first</h1>" in file.read_bytes().decode()


def test_a_name_that_is_no_text_does_not_stop_the_report(tmp_path):
    write_report(tmp_path / "report.html", ReportData(title="a\udcff"))
    assert "<h1>a?</h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_results_by_video_are_shown_where_there_are_videos(full, monkeypatch):
    monkeypatch.setattr("mfclip.evaluation.report.write._drawings", no_drawings)
    videos = full.evaluation.model_copy(update={"groups": (), "generators": ()})
    evaluation = full.evaluation.model_copy(update={"videos": videos})
    for found, shown in ((full.evaluation, 0), (evaluation, 1)):
        page = Page(render_report(replace(full, evaluation=found)))
        captions = [text for _, text in page.all("figcaption")]
        assert sum("By video" in text for text in captions) == shown
