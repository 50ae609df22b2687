"""The checks as cases of pytest, which is imported only here and only when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from mfclip.errors import MissingExtraError, UsageError
from mfclip.parts import BuildContext, Part
from mfclip.testing.check import Check, ConformanceError
from mfclip.testing.suite import numbered_checks
from mfclip.text import did_you_mean

if TYPE_CHECKING:
    Test = TypeVar("Test", bound=Callable[..., Any])


def parametrize_parts(
    *parts: Part | type[Part],
    context: BuildContext | None = None,
    known_failures: Mapping[str, str] | None = None,
) -> Callable[[Test], Test]:
    """Decorate a test function with one case for each check of each part.

    The function takes the argument ``check`` and calls it. Cases are called
    ``acme-vit-eval-deterministic``; a second part of the same name is ``acme-vit#2``.

    Parameters
    ----------
    parts
        Classes (built with their defaults) and instances.
    context
        As in :func:`mfclip.testing.check_part`.
    known_failures
        Reasons by the name of a check, or by the name of one case. These cases are expected to
        fail, and the test fails once they pass (a strict xfail).

    Raises
    ------
    MissingExtraError
        Where pytest is not installed.
    UsageError
        Without parts, for something that is no part, and for a known failure of another name.
    """
    try:
        import pytest
    except ModuleNotFoundError as error:
        raise MissingExtraError("mfclip.testing.parametrize_parts", "testing") from error
    if not parts:
        raise UsageError("parametrize_parts needs at least one part, got none")
    checks = list(numbered_checks(parts, context))
    reasons = dict(known_failures or {})
    _refuse_unknown(reasons, checks)
    cases = []
    for check in checks:
        reason = reasons.get(check.id, reasons.get(check.name))
        marks = []
        if reason is not None:
            marks.append(pytest.mark.xfail(reason=reason, strict=True, raises=ConformanceError))
        cases.append(pytest.param(check, id=check.id, marks=marks))
    return pytest.mark.parametrize("check", cases)


def _refuse_unknown(names: Iterable[str], checks: Iterable[Check]) -> None:
    known = {name: None for check in checks for name in (check.name, check.id)}
    for name in names:
        if name not in known:
            raise UsageError(
                f"known_failures names {name!r}, which is no check of these parts"
                f"{did_you_mean(name, known)}; checks: {', '.join(n for n in known)}"
            )
