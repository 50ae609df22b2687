"""Commands in processes that are forked from one that has loaded torch, see ``warm.py``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Warm:
    """The process of ``warm.py``, started with the first command."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        program = [sys.executable, str(Path(__file__).with_name("warm.py"))]
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, name: str, words: Sequence[str], cwd: Path | None
    ) -> subprocess.CompletedProcess[str]:
        """One command in a process of its own."""
        out, err = self._folder / "out", self._folder / "err"
        for file in (out, err):
            file.write_text("")
        code = self._command(name, words, cwd or Path.cwd(), out, err, session=False)
        return subprocess.CompletedProcess([name, *words], code, out.read_text(), err.read_text())

    def start(self, name: str, words: Sequence[str], cwd: Path, err: Path) -> Victim:
        """The same, not waited for, in a session of its own; stderr goes to a file."""
        err.write_text("")
        out = Path(os.devnull)
        return Victim(self, self._command(name, words, cwd, out, err, session=True))

    def ended(self, pid: int) -> int | None:
        """The exit code of what :meth:`start` gave; None while it runs."""
        code: int | None = self._answer({"ended": pid})
        return code

    def _command(
        self, name: str, words: Sequence[str], cwd: Path, out: Path, err: Path, *, session: bool
    ) -> int:
        argv = [str(Path(sys.executable).with_name(name)), *words]
        place = {"cwd": str(cwd), "out": str(out), "err": str(err), "session": session}
        answer: int = self._answer({"name": name, "argv": argv, "env": dict(os.environ), **place})
        return answer

    def _answer(self, order: Mapping[str, object]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """Close its stdin, which it takes as the end."""
        self._process.communicate()


class Victim:
    """A command that runs and may be stopped; what tests use of ``subprocess.Popen``."""

    returncode: int | None
    """Once :meth:`poll` or :meth:`wait` has seen the end; negative for a signal."""

    def __init__(self, warm: Warm, pid: int) -> None:
        self.pid, self.returncode = pid, None
        self._warm = warm

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        if self.returncode is None:
            self.returncode = self._warm.ended(self.pid)
        return self.returncode

    def wait(self, seconds: float = 300) -> int:
        """Until it ends; TimeoutExpired where it does not."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), seconds)
            time.sleep(0.005)
        return code

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
