from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from mfclip.data.audit.findings import Finding
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row

REAL, FAKE = HierarchicalLabel("real"), HierarchicalLabel("fake")


@pytest.fixture(scope="session")
def rows() -> Callable[..., Manifest]:
    """A manifest without files, from texts like ``real train anna studio``."""

    def rows(*lines: str) -> Manifest:
        made = []
        for number, line in enumerate(lines):
            label, *rest = line.split()
            made.append(Row(Path(f"{number}.png"), REAL if label == "real" else FAKE, *rest))
        return Manifest(Path("root"), tuple(made))

    return rows


@pytest.fixture(scope="session")
def codes() -> Callable[[Iterable[Finding]], list[str]]:
    """What was found, as ``severity code``."""
    return lambda findings: [f"{found.severity} {found.code}" for found in findings]
