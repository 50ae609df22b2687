"""Loads what strangers wrote, and tells what the process did meanwhile.

``python trust_probe.py FOLDER``: FOLDER holds ``honest`` (a bundle), ``bundles/*`` (bundles) and
``recipes/*.toml``. Prints a JSON object: for each case its outcome and everything of note.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

import mfclip
from mfclip.errors import MfclipError
from mfclip.inference.loaded import load
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry

WATCHED = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod"),
    *("shutil.", "tempfile.", "ctypes.dlopen", "pickle.find_class", "urllib.", "ftplib."),
)
seen: list[str] = []
watching = False


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if not watching:
        return
    if event == "import":
        seen.append(f"import {arguments[0]}")
    elif event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        seen.append(f"{'write' if writes else 'read'} {path}")
    elif event.startswith(WATCHED):
        seen.append(f"{event} {arguments[:1]}")


def outcome(work) -> dict[str, object]:
    """What came of a piece of work, and what was seen meanwhile."""
    global watching
    seen.clear()
    watching = True
    try:
        work()
        told = {"error": None, "text": "", "code": 0}
    except MfclipError as error:
        told = {"error": type(error).__name__, "text": str(error), "code": error.exit_code}
    except BaseException as error:
        told = {"error": f"a traceback: {type(error).__name__}", "text": str(error), "code": 1}
    finally:
        watching = False
    return {**told, "seen": list(seen)}


def main(folder: Path) -> None:
    plugins, registry = discover(), read_registry()
    load(folder / "honest", device="cpu")  # whatever honest work imports is there from now on
    sys.addaudithook(watch)
    report = {"honest": outcome(lambda: load(folder / "honest", device="cpu"))}
    for bundle in sorted((folder / "bundles").iterdir()):
        report[bundle.name] = outcome(lambda bundle=bundle: load(bundle, device="cpu"))
    for file in sorted((folder / "recipes").glob("*.toml")):
        read = lambda file=file: read_recipe(file, plugins=plugins, registry=registry)  # noqa: E731
        report[file.stem] = outcome(read)
    report["self-test"] = outcome(misbehave)
    report["peak, MiB"] = peak()
    print(json.dumps(report))


def peak() -> int:
    """Most memory of this process, MiB.

    Not ``ru_maxrss``, which on Linux counts what whoever started the process had at that moment.
    """
    told = Path("/proc/self/status")
    if told.exists():
        line = next(one for one in told.read_text().splitlines() if one.startswith("VmHWM:"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def misbehave() -> None:
    """What a payload would do; the watch must see each of these."""
    import socket
    import subprocess

    socket.socket().close()
    subprocess.run([sys.executable, "-c", ""], check=True)
    Path(os.devnull).write_text("")
    __import__("canary_module")


if __name__ == "__main__":
    assert mfclip.__version__
    main(Path(sys.argv[1]))
