"""The two commands, ``mfclip`` and ``mfclip-build``; one file a sub-command.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

from mfclip.cli.app import build_main, main

__all__ = ["build_main", "main"]
