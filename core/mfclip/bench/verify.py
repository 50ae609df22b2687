"""Checking published tables: saved detectors see the images again, and everything is compared.

Nothing is trained. From the weights on, all is done once more: validation and test images are
scored, the threshold is fitted, the tables are made. What was written must come out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mfclip.bench.drawings import PAINTER, painter
from mfclip.bench.experiments import Condition, Experiment
from mfclip.bench.figures import Scored
from mfclip.bench.record import RECORD, BenchRecord, CellFacts, read_record
from mfclip.bench.scoring import score_with
from mfclip.bench.table import MEASURES, Cell, Measure, Table
from mfclip.bench.tables import make_tables
from mfclip.bench.writing import rendered
from mfclip.data.manifest import Manifest, read_manifest
from mfclip.errors import BundleError, DataError
from mfclip.files import sha256
from mfclip.inference.loaded import LoadedDetector, load
from mfclip.metrics.operating import fit_operating_points
from mfclip.metrics.scores import ScoreTable, read_scores

if TYPE_CHECKING:
    from mfclip.detector.protocols import Corrupts

SCORES = 1e-3
"""Largest difference of two log-odds that count as the same, by default."""
POINTS = 0.05
"""Largest difference of two entries of a table that count as the same, percentage points: half a
unit of the last digit shown."""


@dataclass
class Verification:
    """What was compared and what differs."""

    differences: list[str] = field(default_factory=list)
    """One line each, by file or by place in a table; empty where all is as it was written."""
    images: int = 0
    """Scores compared."""
    entries: int = 0
    """Entries of tables compared."""
    largest: float = 0.0
    """Largest difference of two log-odds."""


def records_in(folder: Path) -> list[Path]:
    """The records below the folder of a grid, or the one of a folder of tables.

    Raises :class:`DataError` where there is none.
    """
    found = [folder / RECORD] if (folder / RECORD).is_file() else []
    found += sorted((folder / "tables").glob(f"*/{RECORD}"))
    if not found:
        raise DataError(
            f"{folder} has no tables of a benchmark: give the folder that was --out of mfclip bench"
        )
    return found


def verify(
    file: Path,
    corruptions: Mapping[str, Corrupts],
    *,
    device: str = "auto",
    precision: str | None = None,
    registry: str | None = None,
    root: Path | None = None,
    tolerance: float = SCORES,
    tell: Callable[[str], None] = lambda text: None,
) -> Verification:
    """Evaluate the bundles behind a record again, and compare scores, figures and files.

    Parameters
    ----------
    root
        Folder of the images, where it is another than it was.
    precision
        As :func:`mfclip.inference.loaded.load` takes it.
    tolerance
        Largest difference of two log-odds that count as the same. Another device or precision
        differs by more than the default.

    Raises
    ------
    DataError
        Where the record or a manifest cannot be read.
    """
    record = read_record(file)
    out = file.parents[2]
    reopen = partial(load, device=device, precision=precision, registry=registry)
    run = _Run(record, out, root or Path(record.root), corruptions, reopen, tell, tolerance)
    found = run.found
    found.differences += _texts(record, file.parent)
    scored: dict[tuple[str, str, int], Scored] = {}
    for facts in record.cells:
        tell(f"scoring again: {facts.bundle}")
        try:
            scored[facts.experiment, facts.detector, facts.seed] = run.again(facts)
        except (BundleError, DataError) as error:
            found.differences.append(f"{facts.bundle}: {error}")
    if len(scored) == len(record.cells):
        again = make_tables(
            record.study, lambda experiment, name, seed: scored.get((experiment.slug, name, seed))
        )
        found.differences += run.compare_tables(again)
    return found


@dataclass
class _Run:
    """One verification under way."""

    record: BenchRecord
    out: Path
    root: Path
    corruptions: Mapping[str, Corrupts]
    reopen: Callable[[Path], LoadedDetector]
    """Loads a bundle."""
    tell: Callable[[str], None]
    tolerance: float
    found: Verification = field(default_factory=Verification)

    def again(self, facts: CellFacts) -> Scored:
        """Score validation and test with a saved bundle; note what differs."""
        bundle = self.out / facts.bundle
        loaded = self.reopen(bundle)
        self.tell(f"  {loaded.arithmetic}")
        self._same(
            facts.bundle, "weights", loaded.bundle.about.weights_sha256, facts.weights_sha256
        )
        manifest = self.manifest(facts.experiment)
        # The manifest's fingerprint counts sizes of files, so it tells replaced images too.
        images = loaded.bundle.about.data_fingerprint
        self._same(facts.bundle, "images", manifest.fingerprint(), images)
        val, test = manifest.of_split("val"), manifest.of_split("test")
        size = self.record.study.protocol.options.size
        validation = score_with(loaded, lambda _: val, self.corruptions, size)(None)
        name = f"{facts.bundle}/scores-validation.csv"
        operating = fit_operating_points(self._compared(name, val, validation))
        stored = loaded.operating
        if abs(operating.threshold - stored.threshold) > self.tolerance:
            self.found.differences.append(
                f"{facts.bundle}: the threshold is {stored.threshold:.4f}, and fitted again on "
                f"the validation images it is {operating.threshold:.4f}"
            )
        experiment = next(e for e in self.experiments if e.slug == facts.experiment)
        tested = partial(experiment.tested, test)
        score = score_with(loaded, tested, self.corruptions, size)
        tables = {
            one: self._compared(facts.conditions[one.slug if one else ""], tested(one), score(one))
            for one in self.conditions(facts.experiment)
        }
        for name, written in facts.scores.items():
            if (self.out / name).is_file():
                self._same(name, "content", sha256(self.out / name), written)
        return Scored(operating, tables)

    def manifest(self, slug: str) -> Manifest:
        """Of an experiment."""
        name = f"manifests/{slug}.csv"
        self._same(name, "content", sha256(self.out / name), self.record.manifests[name])
        return read_manifest(self.out / name, self.root)

    def conditions(self, slug: str) -> list[Condition | None]:
        """Of an experiment's columns, and the images as they are."""
        experiment = next(e for e in self.experiments if e.slug == slug)
        return list(dict.fromkeys([None, *(c.condition for c in experiment.columns)]))

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """Of the protocol."""
        return self.record.study.protocol.experiments

    def compare_tables(self, again: list[Table]) -> Iterator[str]:
        """Entries that differ by more than :data:`POINTS`."""
        for old, new in zip(self.record.tables, again, strict=True):
            for place, then, now in _entries(old, new):
                self.found.entries += 1
                if abs(then - now) > POINTS:
                    yield f"{old.slug}: {place}: was {then:.2f}, is {now:.2f}"

    def _compared(self, name: str, manifest: Manifest, log_odds: np.ndarray) -> ScoreTable:
        """New scores as a table; note what differs from the file of old ones."""
        table = ScoreTable.from_manifest(manifest, log_odds)
        saved = read_scores(self.out / name)
        self.found.images += len(table)
        if saved.path.tolist() != table.path.tolist():
            self.found.differences.append(f"{name}: is of other images than the manifest")
            return table
        gaps = np.abs(saved.log_odds - table.log_odds)
        self.found.largest = max(self.found.largest, float(gaps.max(initial=0)))
        wrong = np.flatnonzero(~(gaps <= self.tolerance))
        if wrong.size:
            worst = wrong[np.argmax(np.nan_to_num(gaps[wrong], nan=np.inf))]
            self.found.differences.append(
                f"{name}: {wrong.size} of {len(table)} scores differ, most that of "
                f"{table.path[worst]}: was {saved.log_odds[worst]:.4f}, is "
                f"{table.log_odds[worst]:.4f}"
            )
        return table

    def _same(self, place: str, what: str, now: str, then: str) -> None:
        if now != then:
            self.found.differences.append(
                f"{place}: {what} changed: sha256 {now[:12]}…, was {then[:12]}…"
            )


def _texts(record: BenchRecord, folder: Path) -> Iterator[str]:
    """Files that do not show what the record holds."""
    same = _same_text if record.versions.get(PAINTER) == painter() else _same_words
    for name, text in rendered(record).items():
        file = folder / name
        if not file.is_file():
            yield f"{file}: is missing"
        elif not any(same(file.read_bytes(), one) for one in (text, _without_policy(text))):
            yield f"{file}: does not show the figures of {RECORD}"


def _without_policy(page: str) -> str:
    """As pages were written before they had a content security policy; the figures are the same."""
    return re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>\n', "", page)


def _same_text(written: bytes, text: str) -> bool:
    return written == text.encode()


def _same_words(written: bytes, text: str) -> bool:
    """Whether all is the same but for where things lie in a figure: another version drew it."""
    return _without_shapes(written.decode(errors="replace")) == _without_shapes(text)


def _without_shapes(text: str) -> str:
    """Of each SVG only its description and its labels."""
    return re.sub(r"<svg.*?</svg>", lambda found: _labels(found[0]), text, flags=re.DOTALL)


def _labels(svg: str) -> str:
    described = re.findall(r'aria-label="([^"]*)"', svg)
    return "\n".join([*described, *re.findall(r"<text[^>]*>([^<]*)<", svg)])


def _entries(old: Table, new: Table) -> Iterator[tuple[str, float, float]]:
    """Pairs of entries by place, percent."""
    heads = [*(column.name for column in old.columns), old.average]
    for then, now in zip(old.rows, new.rows, strict=True):
        cells = zip(heads, (*then.cells, then.average), (*now.cells, now.average), strict=True)
        for head, before, after in cells:
            place = f"{then.training}, {then.detector}, {head}"
            yield from _measures(place, old.measures, before, after)


def _measures(
    place: str, shown: Sequence[Measure], before: Cell | None, after: Cell | None
) -> Iterator[tuple[str, float, float]]:
    if before is None or after is None:
        if before is not after:
            yield f"{place}: is there only once", 0.0, float("inf")
        return
    for name in MEASURES:
        then, now = before.entry(name), after.entry(name)
        if then is None or now is None:
            # A measure that no table shows may not have been taken when the record was written.
            if name in shown:
                yield f"{place}, {name}: is there only once", 0.0, float("inf")
            continue
        pairs = zip(
            (*then.values, then.low, then.high), (*now.values, now.low, now.high), strict=True
        )
        for old, new in pairs:
            if old is not None and new is not None:
                yield f"{place}, {name}", 100 * old, 100 * new
