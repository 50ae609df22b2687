"""What the data check says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
MAX_EXAMPLES = 10
"""Examples that a finding keeps."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found."""

    severity: Severity
    """An error makes figures wrong or stops training; a warning may; a note only tells."""
    code: str
    """Names the kind of finding; stays the same between versions."""
    message: str
    """What was found, with numbers and a few examples."""
    advice: str = ""
    """What to do; empty for notes."""
    examples: tuple[str, ...] = ()
    """Up to ten paths or names."""
    fatal: bool = False
    """Whether no setting helps: what comes after would fail on it."""


@dataclass(frozen=True, slots=True)
class Audit:
    """All findings about one manifest, errors first."""

    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stand in the way of training."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that may make figures misleading."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and strings, for JSON."""
        return {"errors": len(self.errors), "findings": [asdict(one) for one in self.findings]}


def first_few(examples: Iterable[str]) -> tuple[str, ...]:
    """As many as a finding keeps."""
    return tuple(example for example, _ in zip(examples, range(MAX_EXAMPLES), strict=False))


def naming(examples: Sequence[str]) -> str:
    """``: a, b, c, ...``, for the end of a message."""
    return ": " + ", ".join(examples[:3]) + (", ..." if len(examples) > 3 else "")
