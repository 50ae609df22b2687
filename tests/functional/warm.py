"""A process that has loaded what commands load, and becomes one command after the other.

``conftest.py`` starts it as a script. Each line on stdin is one command as JSON; the process forks,
and the child runs the command to the end of a Python program, exit code included. So a command
has a process, an environment and files of its own and takes a tenth of a second to start, where
loading torch and the rest takes some seconds.
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


def main() -> None:
    """Until stdin ends, answer every command with its exit code; of a signal it is negative."""
    for name in LOADED:
        importlib.import_module(name)
    for plugin in entry_points(group="mfclip"):
        plugin.load()
    gc.freeze()  # or the first collection of every child copies the memory that they share
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            try:
                become(json.loads(line))
            except SystemExit as ended:
                leave(ended)
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
