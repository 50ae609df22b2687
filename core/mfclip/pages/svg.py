"""Matplotlib figures as inline SVG that follows the page: its fonts, light or dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.6
"""Inches of a figure: a third of the page on a desk, all of it on a phone, text readable."""
WIDE = 5.0
"""Inches of a figure that has a row to itself."""

_LONGEST = 32
"""Letters of a name in a figure."""

# Matplotlib draws in these colours, which nothing else uses; the page replaces them.
INK, MUTED, LINE, PAPER = "#010101", "#010102", "#010103", "#010104"
REAL, FAKE = "#010105", "#010106"
SERIES = ("#010107", "#010108", "#010109", "#01010a", "#01010b", "#01010c")
DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)))
"""A line style for each series: colour is never the only difference."""
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    PAPER: "paper",
    REAL: "real",
    FAKE: "fake",
    **{colour: f"series-{i}" for i, colour in enumerate(SERIES, start=1)},
}


@dataclass(frozen=True)
class Drawing:
    """A figure of the page."""

    svg: str
    """The ``<svg>`` element."""
    alt: str
    """What it shows, for those who cannot see it."""
    caption: str
    """What it shows, how many images it rests on, and how to read it."""

    @property
    def width(self) -> int:
        """Room for it on a screen, pixels: a little more than its own size."""
        found = re.search(r'viewBox="0 0 (\S+) ', self.svg)
        assert found is not None, "a drawing without a size"
        return round(1.5 * float(found[1]))


@contextmanager
def canvas(
    width: float, height: float, grid: tuple[int, int] = (1, 1)
) -> Iterator[tuple[Figure, list[Axes]]]:
    """An empty figure of the house style with its panels, row by row; sizes in inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_style()):
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(*grid, sharex=True, sharey=True, squeeze=False)
        yield figure, list(panels.flat)


def draw(
    name: str,
    height: float,
    paint: Callable[[Axes], None],
    *,
    alt: str,
    caption: str,
    width: float = WIDTH,
) -> Drawing:
    """Let ``paint`` fill an empty figure and turn it into SVG.

    Args:
        name: Prefix of the ids inside, different for every figure of a page.
        height: Inches.
        paint: Draws on the axes, in the colours of this module.
        alt: Text in place of the figure.
        caption: Text below it.
        width: Inches.
    """
    return draw_panels(
        name, (width, height), (1, 1), lambda panels: paint(panels[0]), alt=alt, caption=caption
    )


def draw_panels(
    name: str,
    size: tuple[float, float],
    grid: tuple[int, int],
    paint: Callable[[list[Axes]], None],
    *,
    alt: str,
    caption: str,
) -> Drawing:
    """As :func:`draw`, with small multiples.

    Args:
        size: Width and height, inches.
        grid: Rows and columns of panels, which share both axes.
        paint: Draws on the panels, row by row.
    """
    buffer = io.StringIO()
    with canvas(*size, grid) as (figure, panels), warnings.catch_warnings():
        # The page's own fonts draw the text, and have letters that matplotlib's lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        paint(panels)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return Drawing(_inline(buffer.getvalue(), name, alt), alt, caption)


def as_file(drawing: Drawing) -> str:
    """The figure as an SVG file of its own, in the colours of paper, for any program that reads it.

    A page sets colours and fonts by its style sheet, which few programs but browsers follow.
    """
    colours = _colours_of_paper()
    svg = re.sub(r"var\(--([\w-]+)\)", lambda found: colours[found[1]], drawing.svg)
    width, height = re.findall(r'viewBox="0 0 (\S+) (\S+)"', svg)[0]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
        'font-family="Helvetica, Arial, sans-serif"'
    )
    ground = f'<rect width="{width}" height="{height}" fill="{colours["paper"]}"/>'
    start = svg.index(">") + 1
    return f"{head}{svg[len('<svg') : start]}{ground}{svg[start:]}\n"


def _colours_of_paper() -> dict[str, str]:
    """The style sheet's first block, for light screens, by name without the dashes."""
    from importlib.resources import files

    sheet = (files("mfclip.pages") / "page.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--([\w-]+): (#\w+);", sheet[: sheet.index("}")]))


def plain(text: str) -> str:
    """A name from the data as matplotlib must be told it: no formula, not hidden, not too long."""
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    shown = text.replace("$", r"\$")
    return f"\N{ZERO WIDTH SPACE}{shown}" if shown.startswith("_") else shown


def beside(names: Collection[str], width: float) -> int:
    """Entries of a legend that fit beside one another in a width, inches."""
    longest = max(len(plain(name)) for name in names)
    return max(1, min(len(names), int(width / (0.6 + 0.075 * longest))))


def below(axes: Axes, columns: int, names: Collection[str] | None = None) -> None:
    """Put the legend under the axes, of the series in ``names`` or of all."""
    lines = zip(*axes.get_legend_handles_labels(), strict=True)
    shown = [(line, name) for line, name in lines if names is None or name in names]
    figure = axes.get_figure()
    assert figure is not None
    figure.legend(*zip(*shown, strict=True), loc="outside lower center", ncols=columns)


def _style() -> Any:  # matplotlib types its keys one by one since 3.11, and not before
    """Settings of the house style; the random ids are fixed so that a page can be made again."""
    return {
        "axes.edgecolor": LINE,
        "axes.grid": True,
        "axes.labelcolor": MUTED,
        "axes.labelsize": 9,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": INK,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "font.size": 9,
        "grid.color": LINE,
        "grid.linewidth": 0.5,
        "hatch.linewidth": 0.6,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "legend.labelcolor": INK,
        "lines.linewidth": 1.6,
        "svg.fonttype": "none",
        "svg.hashsalt": "mfclip",
        "text.color": INK,
        "xtick.color": LINE,
        "xtick.labelcolor": MUTED,
        "xtick.labelsize": 8,
        "ytick.color": LINE,
        "ytick.labelcolor": MUTED,
        "ytick.labelsize": 8,
    }


def _inline(text: str, name: str, alt: str) -> str:
    """Strip what only a file of its own needs and hand colours and fonts to the page."""
    from markupsafe import escape

    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"| version="1.1"', "", text)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'<svg width="[^"]*" height="[^"]*"', "<svg", text, count=1)
    # The one rule in there would hold for the whole page; the page's style has its own.
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    # Before matplotlib 3.10 in one property, since then in several.
    text = re.sub(r"font: (?:\S+ )?(\d\S*) [^;\"]*", r"font-size: \1", text)
    text = re.sub(r" ?font-family: [^;\"]*;", "", text)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\1{name}-", text)
    text = re.sub(r"#0101[0-9a-f]{2}", lambda found: f"var(--{_VARIABLES[found[0]]})", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)
