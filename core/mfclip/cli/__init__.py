"""The two commands, ``mfclip`` and ``mfclip-build``; one file a sub-command.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

from mfclip.cli.interrupts import stoppable

__all__ = ["build_main", "main"]


def main() -> None:
    """Run ``mfclip``."""
    with stoppable() as stop:
        from mfclip.cli.app import main as run

        run(stop)


def build_main() -> None:
    """Run ``mfclip-build``."""
    with stoppable() as stop:
        from mfclip.cli.app import build_main as run

        run(stop)
