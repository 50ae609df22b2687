"""One check of one part, and the error that tells what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfclip.errors import MissingExtraError, in_one_line
from mfclip.testing.faults import Fault

if TYPE_CHECKING:
    from mfclip.parts import Part
    from mfclip.testing.catalogue import Entry
    from mfclip.testing.subject import Subject


class ConformanceError(AssertionError):
    """A part breaks its contract; the text lists every breach that was found."""

    def __init__(self, owner: str, failures: Sequence[tuple[str, str]]) -> None:
        self.failures = tuple(failures)
        """(name of the check, what it found), in the order of the checks."""
        told = "\n".join(f"  {names}: {text}" for names, text in _merged(self.failures))
        super().__init__(f"{owner} breaks its contract:\n{told}")


def _merged(failures: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Checks that found the same thing, such as a part that cannot be built, on one line."""
    told: dict[str, list[str]] = {}
    for name, text in failures:
        told.setdefault(text, []).append(name)
    return [(", ".join(names), text) for text, names in told.items()]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one part: call it.

    It raises :class:`ConformanceError` where the part breaks the contract, and
    :class:`~mfclip.errors.MissingExtraError` where the check itself needs something that is not
    installed.
    """

    name: str
    """Kebab-case, such as ``eval-deterministic``."""
    part: Part | type[Part]
    """The part, as it was given."""
    id: str
    """The part's and the check's name, as pytest shows it."""
    _subject: Subject = field(repr=False)
    _entry: Entry = field(repr=False)

    def __call__(self) -> None:
        """Run it. The global random state of torch is left as it was."""
        try:
            self._entry.load()(self._subject)
        except (MissingExtraError, ConformanceError):
            raise
        except Fault as fault:
            raise self._error(str(fault)) from fault.__cause__
        except Exception as error:
            raise self._error(f"the part raised {in_one_line(error)}") from error

    def _error(self, text: str) -> ConformanceError:
        return ConformanceError(self._subject.owner, [(self.name, text)])
