"""A process that has loaded what commands load, and becomes one command after the other.

``conftest.py`` starts it as a script. Each line on stdin is an order as JSON, answered by one line:

* a command to run: the process forks, and the child runs the command to the end of a Python
  program, exit code included; the answer is its exit code, negative for a signal;
* the same with ``session``: the child leads a session, and so a group of processes, of its own, and
  ends as Python does, all that is loaded taken apart; the answer is its pid at once;
* ``ended`` with such a pid: whether it has ended; its exit code, or null.

So a command has a process, an environment and files of its own and takes a tenth of a second to
start, where loading torch and the rest takes some seconds.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import sys
from importlib.metadata import entry_points
from typing import Any

LOADED = (
    *("accelerate", "matplotlib.figure", "open_clip", "scipy.stats", "sklearn.metrics", "torch"),
    *("mfclip.cli.app", "mfclip.building.run", "mfclip.evaluation.report", "mfclip.explain.run"),
)

SECONDS = 600
"""A command that takes longer is ended by SIGALRM."""


def become(order: dict[str, Any]) -> None:
    """Run the command in this process, which is a child of the warm one."""
    signal.alarm(SECONDS)
    if order["session"]:
        os.setsid()
    # As on a terminal; a shell's background jobs ignore Ctrl-C, and so do their children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    for number, name in enumerate((os.devnull, order["out"], order["err"])):
        file = os.open(name, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    sys.argv = order["argv"]
    commands = importlib.import_module("mfclip.cli")
    {"mfclip": commands.main, "mfclip-build": commands.build_main}[order["name"]]()


def leave(ended: SystemExit) -> None:
    """End as Python does, but for taking apart all that is loaded, which takes half a second."""
    if not isinstance(ended.code, int):
        raise ended
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended.code)


def begin(order: dict[str, Any]) -> int:
    """Fork; the parent gets the child's pid, the child never returns."""
    child = os.fork()
    if child:
        return child
    try:
        become(order)
    except SystemExit as ended:
        if order["session"]:
            raise
        leave(ended)
    sys.exit()


def ended(child: int) -> int | None:
    """The exit code of a child, negative for a signal; None while it runs."""
    found, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def main() -> None:
    """Until stdin ends, answer every order."""
    for name in LOADED:
        importlib.import_module(name)
    for plugin in entry_points(group="mfclip"):
        plugin.load()
    gc.freeze()  # or the first collection of every child copies the memory that they share
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        if "ended" in order:
            answer = ended(order["ended"])
        else:
            answer = begin(order)
            if not order["session"]:
                _, status = os.waitpid(answer, 0)
                answer = os.waitstatus_to_exitcode(status)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
