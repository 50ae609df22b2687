"""Check: the finer levels of the labels make sense."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from mfclip.data.audit.findings import Finding, first_few, naming
from mfclip.data.manifest import Manifest, Row
from mfclip.text import counted


def check_levels(manifest: Manifest) -> Iterator[Finding]:
    """Real images with a forgery, and names that differ in their spelling only."""
    yield from _forged_reals(manifest.rows)
    for column in ("forgery", "family", "generator"):
        names = {getattr(row.label, column) for row in manifest.rows}
        yield from _alike(column, names)


def _forged_reals(rows: Iterable[Row]) -> Iterator[Finding]:
    paths = [row.path.as_posix() for row in rows if not row.is_fake and _says_more(row)]
    if paths:
        yield Finding(
            "warning",
            "real-with-forgery",
            f"{counted(len(paths), 'real image')} with a forgery, family or generator"
            + naming(paths),
            "leave these cells empty for real images; each distinct entry makes another prompt",
            first_few(paths),
        )


def _says_more(row: Row) -> bool:
    return bool(row.label.forgery or row.label.family or row.label.generator)


def _alike(column: str, names: Iterable[str]) -> Iterator[Finding]:
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        key = "".join(character for character in name.casefold() if character.isalnum())
        spellings[key].append(name)
    for found in spellings.values():
        if len(found) > 1:
            message = f"column {column} has one name in {len(found)} spellings" + naming(found)
            advice = "use one spelling; each makes prompts and figures of its own"
            yield Finding("warning", "spelling", message, advice, first_few(found))
