"""Which of several processes is heard."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import typer

from mfclip.cli import voice
from mfclip.cli.voice import one_voice
from mfclip.errors import DataError
from mfclip.ranks.place import Place

FIRST, SECOND = Place(0, 2, 0, 2), Place(1, 2, 1, 2)


@pytest.fixture(autouse=True)
def streams(monkeypatch):
    """What is muted stays so to the process's end: here, to the test's."""
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    monkeypatch.setattr(voice, "GRACE", 0)


def ended(place: Place, error: BaseException, *, first: bool | None) -> BaseException:
    """What a process ends with; ``first`` is what the group answers, None: there is none yet."""
    caught: BaseException | None = None
    try:
        with one_voice(place) as speaker:
            print("working")
            if first is not None:
                speaker.ranks = SimpleNamespace(speaks_first=lambda: first)
            raise error
    except BaseException as found:
        caught = found
    print("error", file=sys.stderr)
    assert caught is not None
    return caught


def test_one_process_speaks_and_fails_as_ever(capsys):
    error = DataError("dark")
    assert ended(Place(), error, first=None) is error
    assert capsys.readouterr() == ("working\n", "error\n")


def test_the_second_is_silent(capsys):
    with one_voice(SECOND):
        print("working")
    assert capsys.readouterr().out == ""


def test_who_failed_first_tells_it(capsys):
    error = DataError("dark")
    assert ended(SECOND, error, first=True) is error
    assert capsys.readouterr() == ("", "error\n")


@pytest.mark.parametrize("place", [FIRST, SECOND])
def test_who_failed_later_ends_silently_with_its_code(place, capsys):
    found = ended(place, DataError("dark"), first=False)
    assert isinstance(found, SystemExit)
    assert found.code == 5
    assert capsys.readouterr().err == ""
    assert ended(place, RuntimeError("lost"), first=False).code == 1


def test_before_there_is_a_group_the_second_tells_what_the_first_did_not(capsys):
    """Torchrun ends it meanwhile, where the first failed as well."""
    error = DataError("dark")
    assert ended(SECOND, error, first=None) is error
    assert capsys.readouterr() == ("", "error\n")


def test_a_signal_is_told_once(capsys):
    stopped = KeyboardInterrupt()
    assert ended(SECOND, stopped, first=None) is stopped
    assert capsys.readouterr().err == ""
    assert isinstance(ended(SECOND, stopped, first=False), SystemExit)


def test_a_command_that_ends_itself_is_left_alone():
    leaving = typer.Exit(0)
    assert ended(FIRST, leaving, first=False) is leaving
