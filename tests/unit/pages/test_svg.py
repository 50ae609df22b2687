from __future__ import annotations

import re
import warnings
from xml.etree import ElementTree

import pytest

from mfclip.evaluation.report import svg


def paint(axes):
    axes.plot([0, 1], [0, 1], color=svg.FAKE, label=svg.plain("a < b"))
    axes.set(title="title", xlabel="x")
    svg.below(axes, columns=1)


@pytest.fixture(scope="module")
def drawing():
    return svg.draw("name", 2.0, paint, alt='a "plot" & more', caption="caption")


def test_a_drawing_is_one_element_without_foreign_names(drawing):
    root = ElementTree.fromstring(drawing.svg)
    assert root.tag == "svg"
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'a "plot" & more'
    assert root.get("width") is None
    assert "http" not in drawing.svg


def test_colours_and_fonts_are_the_pages(drawing):
    assert "#0101" not in drawing.svg
    assert {"var(--fake)", "var(--ink)", "var(--line)", "var(--muted)"} <= set(
        re.findall(r"var\(--[\w-]+\)", drawing.svg)
    )
    assert "font-family" not in drawing.svg
    assert "DejaVu" not in drawing.svg
    assert "font-size" in drawing.svg


def test_every_colour_is_in_the_style_sheet():
    from importlib.resources import files

    css = (files("mfclip.pages") / "page.css").read_text()
    for name in svg._VARIABLES.values():
        assert css.count(f"--{name}:") == 3  # light, dark, print


def test_text_stays_text(drawing):
    texts = [element.text for element in ElementTree.fromstring(drawing.svg).iter("text")]
    assert {"title", "x", "a < b"} <= set(texts)


def test_ids_carry_the_name_and_do_not_change(drawing):
    ids = re.findall(r'id="([^"]+)"', drawing.svg)
    assert ids
    assert all(found.startswith("name-") for found in ids)
    assert svg.draw("name", 2.0, paint, alt=drawing.alt, caption="caption") == drawing


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain", "plain"),
        ("$a$", r"\$a\$"),
        ("_a", "\N{ZERO WIDTH SPACE}_a"),
        ("a" * 32, "a" * 32),
        ("a" * 33, "a" * 31 + "…"),
    ],
)
def test_names_are_neither_formulas_nor_hidden_nor_endless(name, shown):
    assert svg.plain(name) == shown


def test_letters_that_matplotlib_lacks_are_left_to_the_page():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = svg.draw("a", 2, lambda axes: axes.set_title("顔"), alt="a", caption="b")
    assert "顔" in made.svg


def test_a_legend_can_show_some_series_only():
    def both(axes):
        axes.plot([0, 1], [0, 1], label="first")
        axes.plot([0, 1], [1, 0], label="second")
        svg.below(axes, columns=1, names=["second"])

    made = svg.draw("a", 2, both, alt="a", caption="b").svg
    assert "second" in made
    assert "first" not in made


def test_a_figure_as_a_file_needs_no_page(drawing):
    text = svg.as_file(drawing)
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert float(root.get("width").removesuffix("pt")) > 100
    assert "var(" not in text
    assert "#c4500a" in text
    assert root[0].get("fill") == "#ffffff"


def test_panels_share_their_axes():
    def paint(panels):
        assert len(panels) == 6
        panels[0].plot([0, 7], [0, 1])
        assert panels[5].get_xlim() == panels[0].get_xlim()

    assert svg.draw_panels("a", (4, 3), (2, 3), paint, alt="a", caption="b").svg.count("axes_") >= 6


def test_a_legend_has_as_many_columns_as_its_names_leave_room_for():
    assert svg.beside(["a", "b", "c", "d"], width=8.2) == 4
    assert svg.beside(["a" * 20, "b"] * 3, width=8.2) == 3
    assert svg.beside(["a" * 99, "b"], width=2.5) == 1
