"""Locks between real processes and between threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mfclip.errors import UsageError
from mfclip.files import replace_folder
from mfclip.locks import holding, lock_file

HOLD = """
import sys, time
from pathlib import Path
from mfclip.locks import holding
with holding(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def other(tmp_path):
    """Starts another process that holds a target for some seconds; it holds it on return."""
    started = []

    def start(target: Path, seconds: float = 60) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", HOLD, str(target), str(seconds)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_by_name(tmp_path, other):
    target = tmp_path / "runs" / "one"
    process = other(target)
    wanted = rf"one is being written by process {process.pid} on \S+ since 20\d\d-.*: wait"
    with pytest.raises(UsageError, match=wanted), holding(target):
        raise AssertionError("held twice")
    with pytest.raises(UsageError, match=f"process {process.pid}"), replace_folder(target):
        raise AssertionError("written by two")
    with holding(tmp_path / "runs" / "two"):
        pass


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_is_taken_over(tmp_path, other, how):
    process = other(tmp_path / "one")
    process.send_signal(how)
    process.wait()
    assert lock_file(tmp_path / "one").exists()
    with holding(tmp_path / "one"):
        assert str(os.getpid()) in lock_file(tmp_path / "one").read_text()
    assert not lock_file(tmp_path / "one").exists()


def test_who_waits_is_told_once_and_goes_on(tmp_path, other):
    process, told = other(tmp_path / "one", 0.8), []
    started = time.monotonic()
    with holding(tmp_path / "one", waiting=told.append):
        assert time.monotonic() - started > 0.3
    assert len(told) == 1
    assert f"being written by process {process.pid}" in told[0]


def test_nothing_is_left_and_no_folder_is_made_of_the_target(tmp_path):
    with holding(tmp_path / "deep" / "one"):
        assert lock_file(tmp_path / "deep" / "one").exists()
    assert list((tmp_path / "deep").iterdir()) == []


def test_the_same_thread_may_hold_it_again_and_another_may_not(tmp_path):
    refused = []

    def try_it() -> None:
        try:
            with holding(tmp_path / "one"):
                pass
        except UsageError as error:
            refused.append(str(error))

    with holding(tmp_path / "one"):
        with holding(tmp_path / "one"):
            pass
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert f"process {os.getpid()}" in refused[0]
    try_it()
    assert len(refused) == 1


def test_a_forked_child_does_not_keep_the_lock_of_its_parent(tmp_path):
    """As the decoding processes of a build that is killed: they live on for some seconds."""
    program = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from mfclip.locks import holding\n"
        "with holding(Path(sys.argv[1])):\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(3)\n"
        "        os._exit(0)\n"
        "    time.sleep(0.5)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "one")], check=False)
    with holding(tmp_path / "one"):
        pass


def test_many_processes_take_turns(tmp_path):
    """Each adds a line to a file by reading and writing it whole: none may be lost."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from mfclip.locks import holding\n"
        "file = Path(sys.argv[1])\n"
        "for _ in range(25):\n"
        "    with holding(file, waiting=lambda text: None):\n"
        "        file.write_text((file.read_text() if file.exists() else '') + 'x')\n"
    )
    words = [sys.executable, "-c", program.replace("import sys\n", FAST), str(tmp_path / "count")]
    crowd = [subprocess.Popen(words) for _ in range(4)]
    assert [process.wait() for process in crowd] == [0] * 4
    assert (tmp_path / "count").read_text() == "x" * 100


FAST = "import sys\nimport mfclip.locks\nmfclip.locks.PAUSE = 0.002\n"
