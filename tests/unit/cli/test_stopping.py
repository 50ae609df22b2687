"""Signals that become exceptions, in a process of its own each."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time
from mfclip.cli.interrupts import GRACE, goes_on, stoppable
me = os.getpid()
with stoppable() as stop:
    {body}
print("came through")
"""


def run(body: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(body=body.replace("\n", "\n    "))
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=undisturbed,
    )


def undisturbed() -> None:
    """Whoever runs the tests may have switched signals off: a shell's &, nohup."""
    for one in (signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated"), ("SIGHUP", 129, "terminal")],
)
def test_a_signal_runs_what_cleans_up_and_says_one_line(name: str, code: int, word: str) -> None:
    done = run(
        f"try:\n    os.kill(me, signal.{name}); time.sleep(9)\nfinally:\n    print('cleaned')"
    )
    assert (done.returncode, done.stdout) == (code, "cleaned\n")
    assert done.stderr.startswith(word)
    assert done.stderr.count("\n") == 1


def test_the_line_ends_with_how_to_go_on() -> None:
    done = run("with goes_on('go on so'):\n    os.kill(me, signal.SIGTERM); time.sleep(9)")
    assert done.stderr == "terminated; go on so\n"


def test_a_second_signal_at_once_does_not_stop_the_cleaning() -> None:
    done = run(
        "try:\n    os.kill(me, signal.SIGTERM); time.sleep(9)\n"
        "finally:\n    os.kill(me, signal.SIGTERM); time.sleep(0.1); print('cleaned')"
    )
    assert (done.returncode, done.stdout) == (143, "cleaned\n")


def test_a_later_one_ends_at_once() -> None:
    done = run(
        "try:\n    os.kill(me, signal.SIGTERM); time.sleep(9)\n"
        "finally:\n    stop._at -= GRACE; os.kill(me, signal.SIGINT); time.sleep(9); print('no')"
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_another_error_that_came_of_it_is_not_told() -> None:
    done = run(
        "try:\n    os.kill(me, signal.SIGINT); time.sleep(9)\n"
        "except BaseException as error:\n    raise RuntimeError('worker killed') from error"
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_signal_that_python_drops_is_raised_again() -> None:
    done = run(
        "class Dropping:\n    def __del__(self): os.kill(me, signal.SIGTERM); time.sleep(0.05)\n"
        "Dropping()\nfor _ in range(900): time.sleep(0.01)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "terminated\n")


TAKING = """
import threading
class Lock:
    def __init__(self): self.inner = threading.Lock()
    def __enter__(self):
        self.inner.acquire(); {signal}; return self
    def __exit__(self, *_): self.inner.release()
lock = Lock()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_lock_is_not_left_taken(name: str) -> None:
    """As in ``threading.Condition.__enter__``, for which queues of worker processes would wait."""
    done = run(
        TAKING.format(signal=f"os.kill(me, signal.{name})")
        + "try:\n    with lock: time.sleep(9)\nfinally:\n    print(lock.inner.locked())"
    )
    assert (done.returncode, done.stdout) == (128 + signal.Signals[name], "False\n")
    assert done.stderr.count("\n") == 1


def test_a_lock_that_nobody_gives_is_given_up() -> None:
    done = run(
        TAKING.format(signal="os.kill(me, signal.SIGTERM); stop._at -= GRACE - 0.2; time.sleep(9)")
        + "with lock: print('no')"
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "terminated\n")


def test_a_command_that_ends_meanwhile_has_ended() -> None:
    done = run(
        TAKING.format(signal="os.kill(me, signal.SIGTERM)")
        + "import atexit; atexit.register(time.sleep, 0.2)\nwith lock: pass"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "came through\n", "")


def test_other_dropped_errors_are_shown_as_ever() -> None:
    done = run("class Broken:\n    def __del__(self): raise ValueError('dropped')\nBroken()")
    assert (done.returncode, done.stdout) == (0, "came through\n")
    assert "ValueError: dropped" in done.stderr


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 7), ("SIGTERM", 143)])
def test_a_forked_worker_keeps_quiet(name: str, code: int) -> None:
    done = run(
        "child = os.fork()\n"
        "if not child:\n"
        f"    os.kill(os.getpid(), signal.{name}); time.sleep(0.1); os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    assert (done.stdout, done.stderr) == (f"{code}\ncame through\n", "")


def test_ignored_signals_stay_ignored() -> None:
    ignoring = PROGRAM.replace(
        "with stop", "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nwith stop"
    )
    done = subprocess.run(
        [sys.executable, "-c", ignoring.format(body="os.kill(me, signal.SIGHUP); time.sleep(0.1)")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "came through\n")


def test_handlers_are_given_back() -> None:
    done = run("pass\nassert signal.getsignal(signal.SIGTERM) == stop.receive")
    assert done.returncode == 0
    done = run("pass\nimport atexit; atexit.register(lambda: print(signal.getsignal(15)))")
    assert done.stdout.endswith("Handlers.SIG_DFL\n") or done.stdout.endswith("0\n")
