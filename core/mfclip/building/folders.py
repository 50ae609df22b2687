"""Where a build works and where its bundle ends up."""

from __future__ import annotations

import shutil
from pathlib import Path

from mfclip.bundle.folder import check_destination
from mfclip.errors import UsageError


def open_run(out: Path, *, resume: bool, restart: bool) -> Path:
    """The folder of checkpoints and logs beside ``out``, ready for this build.

    Raises :class:`UsageError` where an unfinished run would be lost, or where ``out`` holds
    anything that is not of a bundle: before the work, not after it.
    """
    run = check_run(out, resume=resume or restart)
    if restart:
        close_run(run)
    return run


def check_run(out: Path, *, resume: bool) -> Path:
    """The folder that :func:`open_run` gives, looked at only; raises as it does."""
    check_destination(out)
    run = run_beside(out)
    if run.exists() and not resume:
        raise UsageError(
            f"an unfinished run lies in {run}: go on with --resume, or discard it with --restart"
        )
    return run


def run_beside(out: Path) -> Path:
    """Where the run of ``out`` lies, if there is one."""
    return out.with_name(out.name + ".partial")


def close_run(run: Path) -> None:
    """Remove the run folder once its bundle is in place."""
    shutil.rmtree(run, ignore_errors=True)
