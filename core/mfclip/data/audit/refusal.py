"""What errors of the data check do: stop whatever needs the data, and say so once."""

from __future__ import annotations

from typing import Literal

from mfclip.data.audit.findings import Audit
from mfclip.errors import DataError
from mfclip.text import counted

Findings = Literal["stop", "warn"]


class DataRefused(DataError):
    """The data check found errors that stop the command.

    Its text has every error with its advice; it is short where :attr:`told` says that somebody
    has been shown them.
    """

    def __init__(self, audit: Audit) -> None:
        super().__init__(audit)
        self.audit = audit
        self.told = False
        """Whether the findings were shown already."""

    def __str__(self) -> str:
        errors = self.audit.errors
        head, end = "the data cannot be used as they are: ", _ways_out(self.audit)
        if self.told:
            return f"{head}{counted(len(errors), 'error')}, told above{end}"
        lines = [f"{one.message}\n    to do: {one.advice}" for one in errors]
        return "\n".join([f"{head}{counted(len(errors), 'error')}", *lines]) + end


def require_sound(audit: Audit, findings: Findings) -> None:
    """Raise :class:`DataRefused` for errors, unless ``findings`` is ``warn``.

    Errors that would stop training or evaluation later in any case always do.
    """
    if audit.errors and (findings == "stop" or any(one.fatal for one in audit.errors)):
        raise DataRefused(audit)


def _ways_out(audit: Audit) -> str:
    """How to go on all the same, where that is possible."""
    fatal = [one for one in audit.errors if one.fatal]
    if not fatal:
        return '\nTo go on all the same: findings = "warn" under [data]'
    if len(fatal) == len(audit.errors):
        return ""
    named = ", ".join(dict.fromkeys(one.code for one in fatal))
    return f'\nfindings = "warn" under [data] allows the others, but not: {named}'
