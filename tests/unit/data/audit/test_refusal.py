"""What errors of the data check do, and that each is told once."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mfclip.cli.console import ConsoleEvents
from mfclip.data.audit import Audit, Finding
from mfclip.data.audit.refusal import DataRefused, require_sound

LEAK = Finding("error", "identity-in-two-splits", "ann is in two splits", "move her")
EMPTY = Finding("error", "empty-class", "val has no real image", "add some", fatal=True)
HINT = Finding("warning", "spelling", "two spellings", "use one")


@pytest.mark.parametrize(
    ("findings", "setting", "stops"),
    [
        ((HINT,), "stop", False),
        ((LEAK,), "stop", True),
        ((LEAK,), "warn", False),
        ((EMPTY,), "stop", True),
        ((EMPTY,), "warn", True),
        ((LEAK, EMPTY), "warn", True),
    ],
)
def test_a_setting_allows_what_training_survives(findings, setting, stops):
    if not stops:
        require_sound(Audit(findings), setting)
        return
    with pytest.raises(DataRefused):
        require_sound(Audit(findings), setting)


def test_the_text_holds_every_error_with_its_advice_and_the_way_out():
    assert str(DataRefused(Audit((LEAK, HINT)))) == (
        "the data cannot be used as they are: 1 error\n"
        "ann is in two splits\n    to do: move her\n"
        'To go on all the same: findings = "warn" under [data]'
    )


def test_advice_that_cannot_help_is_not_given():
    assert "warn" not in str(DataRefused(Audit((EMPTY,))))
    mixed = str(DataRefused(Audit((LEAK, EMPTY))))
    assert mixed.endswith('findings = "warn" under [data] allows the others, but not: empty-class')


def refused(shown: Audit, found: Audit) -> tuple[str, str]:
    """What the console shows of one audit, and the error that another raises."""
    stream = io.StringIO()

    def run() -> None:
        with ConsoleEvents(Console(file=stream, width=200)) as events:
            events.audit(shown)
            require_sound(found, "stop")

    with pytest.raises(DataRefused) as error:
        run()
    return stream.getvalue(), str(error.value)


def test_what_the_console_has_shown_is_not_told_again():
    audit = Audit((LEAK, EMPTY))
    shown, error = refused(audit, audit)
    for text in ("ann is in two splits", "to do: move her"):
        assert (shown + error).count(text) == 1
    assert "2 errors, told above" in error


def test_what_it_has_not_shown_is_told_in_full():
    _, error = refused(Audit(()), Audit((LEAK,)))
    assert "to do: move her" in error
