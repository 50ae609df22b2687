"""Operating points by name: which threshold on p_fake makes an image a fake."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Self

from mfclip.data.labels import Verdict
from mfclip.errors import UsageError
from mfclip.metrics.band import Band
from mfclip.metrics.operating import OperatingPoints

BALANCED = "balanced"
"""The threshold with the best balanced accuracy on validation."""
UNFITTED = "unfitted"
"""The threshold of a detector that has none fitted; it is what is used, but cannot be asked for."""
GIVEN = "given"
"""A threshold that the caller gave as a number."""


class Point(NamedTuple):
    """A threshold and what it is called."""

    name: str
    """``balanced``, ``fpr-1``, ``fpr-5``, ``error-5``, ``unfitted`` or ``given``."""
    threshold: float
    """On ``p_fake``, 0-1: at or above it, fake."""

    def verdict(self, p_fake: float) -> Verdict:
        """``fake`` where ``p_fake`` reaches the threshold, else ``real``."""
        return "fake" if p_fake >= self.threshold else "real"

    def remark(self, p_fake: float) -> str:
        """What to know of the verdict: nothing."""
        return ""


class Banded(Point):
    """Three verdicts, ``error-5``: the threshold is where fake begins; real ends before it."""

    band: Band

    def __new__(cls, band: Band) -> Self:
        """The point of a band that is fitted."""
        assert band.high is not None
        point = super().__new__(cls, _name(band), band.high)
        point.band = band
        return point

    def verdict(self, p_fake: float) -> Verdict:
        """``fake`` or ``real`` outside the band, ``uncertain`` in it."""
        return self.band.verdict(p_fake)

    def remark(self, p_fake: float) -> str:
        """Why a verdict is uncertain; empty for the others."""
        if self.verdict(p_fake) != "uncertain":
            return ""
        return f"p_fake is between {self.band.low:.4f} and {self.band.high:.4f}"


def choose_point(operating: OperatingPoints, wanted: str | float | None = None) -> Point:
    """The operating point that is meant by a name or by a number.

    Parameters
    ----------
    wanted
        ``balanced``, ``fpr-N`` (at most N % of the validation reals are flagged), ``error-N`` (at
        most N % of either class get a wrong verdict, and there are uncertain ones), or a number
        0-1, also as text. Without it: the detector's ``error-N`` where it has one, else its
        threshold, fitted or not.

    Raises
    ------
    UsageError
        For another name, a number outside 0-1, and a point that could not be fitted.
    """
    band = _band(operating)
    if band is not None and wanted in (None, band.name):
        return band
    if wanted is None:
        return Point(BALANCED if operating.fitted else UNFITTED, operating.threshold)
    if isinstance(wanted, str) and wanted == BALANCED:
        return _balanced(operating)
    if isinstance(wanted, str) and wanted in names(operating):
        return _alarm(operating, wanted)
    return Point(GIVEN, _number(operating, wanted))


def film_point(operating: OperatingPoints, wanted: str | float | None = None) -> Point:
    """As :func:`choose_point`, for films: of what is fitted on videos, where that is."""
    try:
        return choose_point(operating.of_films, wanted)
    except UsageError as error:
        raise UsageError(f"films: {error}") from error


def _band(operating: OperatingPoints) -> Banded | None:
    """The point with three verdicts, where the detector has one."""
    band = operating.band
    return Banded(band) if band is not None and band.fitted else None


def names(operating: OperatingPoints) -> tuple[str, ...]:
    """Names that the detector knows, also of points that could not be fitted."""
    return (BALANCED, *(name for name, _, _ in _alarms(operating)))


def _alarms(operating: OperatingPoints) -> Iterator[tuple[str, float | None, str]]:
    for alarm in operating.alarms:
        yield f"fpr-{100 * alarm.limit:g}", alarm.threshold, alarm.reason
    if operating.band is not None:
        yield _name(operating.band), operating.band.high, operating.band.reason


def _name(band: Band) -> str:
    return f"error-{100 * band.error:g}"


def _balanced(operating: OperatingPoints) -> Point:
    if operating.fitted:
        return Point(BALANCED, operating.threshold)
    raise UsageError(
        f"threshold {BALANCED!r}: this detector has none ({_unfitted(operating)}); give a "
        f"number 0-1, or no threshold for the {operating.threshold:g} that it has"
    )


def _unfitted(operating: OperatingPoints) -> str:
    return "; ".join(operating.notes) or "nothing was fitted on validation images"


def _alarm(operating: OperatingPoints, wanted: str) -> Point:
    threshold, reason = next((at, why) for name, at, why in _alarms(operating) if name == wanted)
    if threshold is None:
        raise UsageError(
            f"threshold {wanted!r} could not be fitted: {reason}; {_allowed(operating)}"
        )
    return Point(wanted, threshold)


def _number(operating: OperatingPoints, wanted: str | float) -> float:
    try:
        number = float(wanted)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:  # false for NaN as well
        why = "" if operating.fitted else f" of this detector ({_unfitted(operating)})"
        raise UsageError(f"threshold {wanted!r} is no operating point{why}; {_allowed(operating)}")
    return number


def _allowed(operating: OperatingPoints) -> str:
    fitted = [BALANCED] if operating.fitted else []
    fitted += [name for name, threshold, _ in _alarms(operating) if threshold is not None]
    return f"allowed: {', '.join([*fitted, 'a number 0-1'])}"
