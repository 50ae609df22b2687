"""Which files are films: told by their first bytes, else by their name."""

from __future__ import annotations

from pathlib import Path

from mfclip.data.signatures import FILMS, HEAD, sniff

FILM_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm", ".flv", ".wmv", ".asf"),
        *(".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts", ".ogv"),
    }
)
"""File names that count as films where the bytes say nothing, in lower case."""


def is_film(path: Path) -> bool:
    """Whether a file is to be read as a film; False for what cannot be opened and is not named so.

    An image that is called like a film is none.
    """
    try:
        if not path.is_file():  # opening a pipe would wait
            return path.suffix.lower() in FILM_SUFFIXES and not path.is_dir()
        with path.open("rb", buffering=0) as stream:
            found = sniff(stream.read(HEAD))
    except (OSError, ValueError):
        found = None
    return path.suffix.lower() in FILM_SUFFIXES if found is None else found in FILMS
