"""The figures of a study, drawn from its tables: curves by corruption, bars by test set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from mfclip.bench.experiments import Name
from mfclip.bench.left_out import LEFT_OUT
from mfclip.bench.selections import KINDS
from mfclip.bench.study import Study
from mfclip.bench.table import MEAN, Cell, Column, Entry, Row, Table
from mfclip.bench.text import WITHIN
from mfclip.metrics.results import Interval

if TYPE_CHECKING:
    from mfclip.pages.svg import Drawing

BY: Mapping[Name, str] = {
    "cross-forgery": "forgery type",
    "cross-generator": "generator",
    "cross-dataset": "group",
}
"""What tells the test sets apart, by the protocols whose tables are drawn as bars."""
TOGETHER = 6
"""Detectors in a figure: it has as many colours, line styles and fillings."""
BARS = 40
"""Bars in a figure: with more, it is taller than a page."""
PANELS = 12
"""Corruptions in a figure."""
PAINTER = "matplotlib"
"""Under this name a record has the version of what drew its figures."""
T = TypeVar("T")


@dataclass(frozen=True)
class Picture:
    """One figure."""

    name: str
    """Of its file without the suffix, and the prefix of the ids inside."""
    drawing: Drawing
    """With its caption."""


def make_pictures(study: Study, tables: Sequence[Table]) -> dict[str, list[Picture]]:
    """The figures by the slug of the table that each is drawn from; none for many a table.

    Curves are drawn from a table of corruptions, with the mean over them as the last panel. Bars
    are drawn from a table of means over training sets, or from that of the only training set; of
    leave-one-out, from the tests on what was left out.
    """
    found: dict[str, list[Picture]] = {}
    for table, following in zip(tables, [*tables[1:], None], strict=True):
        if table.corner == MEAN:
            continue
        if all(row.failed for row in table.rows):
            continue
        mean = following if following is not None and following.corner == MEAN else None
        if study.protocol.name == "robustness":
            found[table.slug] = list(_curves(study, table, mean))
        elif study.protocol.name in BY:
            source = mean or table
            trained = _trained(table, source)
            found[source.slug] = list(_bars(study, source, BY[study.protocol.name], trained))
        elif study.leaves:
            kind = f"left-out {KINDS[study.protocol.options.leave]}"
            drawn = _bars(study, _turned(table), kind, "each left out of the training")
            found[table.slug] = list(drawn)
    return found


def painter() -> str:
    """What draws the figures here: with another version, or another reader of fonts, texts and
    axes lie a little elsewhere."""
    import matplotlib
    from matplotlib import ft2font

    return f"{matplotlib.__version__} (FreeType {ft2font.__freetype_version__})"


def _curves(study: Study, table: Table, mean: Table | None) -> Iterator[Picture]:
    """Fig. 7: a panel for each corruption, a line for each detector."""
    from mfclip.evaluation.report.figures.robustness import robustness_drawing

    panels: dict[str, dict[str, list[Interval | None]]] = {}
    for place, row in _named_rows(study, table, mean):
        if not any(row.cells):  # it failed
            continue
        panels.setdefault(place, {})[row.detector] = _by_level(table, row)
    every = [one for panel in panels.values() for line in panel.values() for one in line if one]
    limits = min(map(_low, every)), max(map(_high, every))
    first = table.columns[0]
    there = _measured(study, table)
    for name, places, detectors in _parts(table.slug, list(panels), there, PANELS):
        shown = {place: _of(detectors, panels[place]) for place in places}
        drawing = robustness_drawing(
            shown,
            subject=f"the test split ({first.reals:,} real, {first.fakes:,} fake)",
            images=first.reals + first.fakes,
            interval=_interval_words(study, every),
            limits=limits,
            name=name,
        )
        yield _with(name, drawing, _levels_words(table), _seed_words(study, every))


def _named_rows(study: Study, table: Table, mean: Table | None) -> Iterator[tuple[str, Row]]:
    """Each row with the title of its panel; what averages the detectors is no line of its own."""
    yield from ((row.training, row) for row in table.rows)
    for row in mean.rows if mean else ():
        if row.detector in study.detectors:
            yield f"mean over {row.training}", row


def _by_level(table: Table, row: Row) -> list[Interval | None]:
    """AUC at level 0 and on, at its place; None for levels between that were not measured."""
    found = {
        int(column.name.removeprefix("level ")): cell
        for column, cell in zip(table.columns, row.cells, strict=True)
    }
    return [_interval(found.get(level)) for level in range(max(found) + 1)]


def _bars(study: Study, source: Table, by: str, trained: str) -> Iterator[Picture]:
    """Fig. 6: a group for each test set, a bar for each detector."""
    from mfclip.evaluation.report.figures.generators import generators_drawing

    bars: dict[str, dict[str, Interval]] = {}
    counts: dict[str, int] = {}
    for place, column in enumerate(source.columns):
        cells = {row.detector: row.cells[place] for row in source.rows}
        found = {one: _interval(cells.get(one)) for one in study.detectors}
        within = any(cell.within for cell in cells.values() if cell is not None)
        name = f"{column.name} {WITHIN}" if within else column.name
        if measured := {one: value for one, value in found.items() if value is not None}:
            bars[name], counts[name] = measured, column.fakes
    every = [one for group in bars.values() for one in group.values()]
    there = _measured(study, source)
    groups = max(1, BARS // min(TOGETHER, len(there)))
    for name, places, detectors in _parts(source.slug, list(bars), there, groups):
        shown = {place: found for place in places if (found := _of(detectors, bars[place]))}
        drawing = generators_drawing(
            shown,
            counts=counts,
            subject=f"the test split, {trained}",
            interval=_interval_words(study, every),
            by=by,
            lowest=min(map(_low, every)),
            name=name,
        )
        marked = any(place.endswith(WITHIN) for place in places)
        yield _with(
            name,
            drawing,
            f"Reals: {_range(column.reals for column in source.columns)} for each.",
            f"{WITHIN} the kind of fakes trained on." if marked else "",
            _seed_words(study, every),
        )


def _measured(study: Study, table: Table) -> list[str]:
    """The detectors of which a table has a figure, in their order."""
    there = {row.detector for row in table.rows if any(row.cells)}
    return [one for one in study.detectors if one in there]


def _turned(table: Table) -> Table:
    """The kinds that were left out beside one another, with one row a detector."""
    place = [column.name for column in table.columns].index(LEFT_OUT)
    cells: dict[str, dict[str, Cell | None]] = {}
    columns: dict[str, Column] = {}
    for row in table.rows:
        cell = row.cells[place]
        if cell is not None and cell.counts is not None:  # those of means have none
            name, counts = row.training, cell.counts
            columns[name] = Column(name=name, reals=counts.reals, fakes=counts.fakes)
            cells.setdefault(row.detector, {})[name] = cell
    rows = [
        Row(training="", detector=detector, cells=tuple(map(found.get, columns)))
        for detector, found in cells.items()
    ]
    update = {"columns": tuple(columns.values()), "rows": tuple(rows)}
    return table.model_copy(update=update)


def _trained(table: Table, source: Table) -> str:
    """What the detectors of the bars were trained on."""
    if source is table:
        return f"after training on {table.rows[0].training}"
    others = [
        sum(cell is not None and not cell.within for cell in column)
        for detector in dict.fromkeys(row.detector for row in table.rows if not row.failed)
        for column in zip(
            *(row.cells for row in table.rows if row.detector == detector), strict=True
        )
    ]
    return f"mean over the other training sets ({_range(others)} for each)"


def _interval(cell: Cell | None) -> Interval | None:
    """The AUC with its spread over seeds; with its interval where there is one seed."""
    if cell is None:
        return None
    entry = cell.auc
    low, high = _ends(entry)
    return Interval(value=entry.mean, low=low, high=high)


def _ends(entry: Entry) -> tuple[float, float]:
    if entry.spread is not None:
        return max(0.0, entry.mean - entry.spread), min(1.0, entry.mean + entry.spread)
    if entry.low is not None and entry.high is not None:
        return entry.low, entry.high
    return math.nan, math.nan


def _low(one: Interval) -> float:
    return one.value if math.isnan(one.low) else min(one.value, one.low)


def _high(one: Interval) -> float:
    return one.value if math.isnan(one.high) else max(one.value, one.high)


def _interval_words(study: Study, drawn: Iterable[Interval]) -> str:
    """What the bands or whiskers are; empty where there are none."""
    seeds = study.seeds
    if len(seeds) > 1:
        named = ", ".join(map(str, seeds))
        return f"± standard deviation over {len(seeds)} seeds ({named}), within 0 to 100"
    if all(math.isnan(one.low) for one in drawn):
        return ""
    settings = study.evaluation
    return (
        f"{100 * settings.confidence:g}% intervals over other test images, from "
        f"{settings.bootstrap} resamples of identities"
    )


def _seed_words(study: Study, drawn: Iterable[Interval]) -> str:
    """What a single seed does not give."""
    if len(study.seeds) > 1:
        return ""
    without = any(math.isnan(one.low) for one in drawn)
    lacking = "; means over several tests have no interval" if without else ""
    return f"One training each (seed {study.seeds[0]}), so no spread over seeds{lacking}."


def _levels_words(table: Table) -> str:
    """Which levels were measured, where it is not each of the six."""
    levels = sorted(int(column.name.removeprefix("level ")) for column in table.columns)
    if levels == list(range(6)):
        return ""
    *some, last = map(str, levels)
    return f"Measured at levels {', '.join(some)} and {last}; lines join them."


def _range(numbers: Iterable[int]) -> str:
    """``3``, or ``2 to 5``."""
    found = sorted(set(numbers))
    ends = [found[0], found[-1]] if len(found) > 1 else found
    return " to ".join(f"{number:,}" for number in ends)


def _of(detectors: Sequence[str], found: Mapping[str, T]) -> dict[str, T]:
    """Those of some detectors, in their order."""
    return {one: found[one] for one in detectors if one in found}


def _parts(
    slug: str, places: Sequence[str], detectors: Sequence[str], most: int
) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """A name, some panels or groups, and some detectors for each figure that these need."""
    parts = [(some, few) for few in _shared(detectors, TOGETHER) for some in _shared(places, most)]
    for number, (some, few) in enumerate(parts, 1):
        yield f"{slug}-part-{number}" if len(parts) > 1 else slug, some, few


def _shared(names: Sequence[str], most: int) -> list[Sequence[str]]:
    """The names in lots of about one size, none larger than allowed."""
    lots = math.ceil(len(names) / most)
    ends = [round(lot * len(names) / max(1, lots)) for lot in range(lots + 1)]
    return [names[start:end] for start, end in pairwise(ends)]


def _with(name: str, drawing: Drawing, *sentences: str) -> Picture:
    """A drawing with more sentences in its caption."""
    caption = " ".join(filter(None, [drawing.caption, *sentences]))
    return Picture(name, replace(drawing, caption=caption))
