"""Sections run while there is time; what did not run, stopped or failed is told."""

from __future__ import annotations

import signal
import time

import pytest
from on_gpu.budget import Budget


@pytest.fixture
def told() -> list[str]:
    return []


def test_sections_run_in_turn_and_their_time_is_kept(told):
    done: list[str] = []
    budget = Budget(60, told.append)
    for name in ("first", "second"):
        budget.run(name, lambda name=name: done.append(name))
    assert done == ["first", "second"]
    assert list(budget.taken) == done
    assert (budget.skipped, budget.failed, told) == ([], [], [])


def test_a_section_without_enough_time_is_not_begun_and_the_next_may_be(told):
    done: list[str] = []
    budget = Budget(5, told.append)
    budget.run("long", lambda: done.append("long"), least=100)
    budget.run("short", lambda: done.append("short"), least=0.1)
    assert done == ["short"]
    assert len(budget.skipped) == 1
    assert budget.skipped[0].startswith("long: not begun, ")
    assert "of 100 s needed" in budget.skipped[0]
    assert told == budget.skipped


def test_a_section_is_stopped_when_the_time_is_over(told):
    def endless() -> None:
        while True:
            try:
                time.sleep(10)
            except Exception:  # as a compiler does around what it runs
                continue

    budget, start = Budget(0.3, told.append), time.monotonic()
    budget.run("endless", endless, least=0.1)
    assert time.monotonic() - start < 5
    assert budget.skipped == ["endless: the time was over before it ended"]
    budget.run("next", endless, least=0.1)
    assert budget.skipped[1].startswith("next: not begun")


def test_an_error_is_kept_and_the_rest_runs(told):
    def broken() -> None:
        raise RuntimeError("no such kernel\nand much more")

    done: list[str] = []
    budget = Budget(60, told.append)
    budget.run("broken", broken)
    budget.run("next", lambda: done.append("next"))
    assert budget.failed == ["broken: RuntimeError: no such kernel"]
    assert done == ["next"]


def test_the_alarm_is_gone_afterwards():
    former = signal.getsignal(signal.SIGALRM)
    Budget(60).run("any", lambda: None)
    assert signal.getsignal(signal.SIGALRM) is former
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
