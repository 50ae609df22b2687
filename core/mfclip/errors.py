"""Every error the framework raises on purpose, and the exit code each one ends a command with."""

import traceback
from pathlib import Path


class MfclipError(Exception):
    """Root of the family: the command line prints its text without a traceback."""

    exit_code = 1


class UsageError(MfclipError):
    """The command or call itself is off: an option, a path argument, a combination."""

    exit_code = 2


class RecipeError(MfclipError):
    """A recipe or registry file is wrong; the text lists every problem with file and line."""

    exit_code = 3


class PluginError(MfclipError):
    """A plugin did not load, or a part of it broke its contract."""

    exit_code = 4


class DataError(MfclipError):
    """The images or their manifest cannot be used as they are."""

    exit_code = 5


class BundleError(MfclipError):
    """A folder is no bundle, is damaged, or needs parts that are not installed."""

    exit_code = 6


class MissingExtraError(MfclipError):
    """Something optional is needed and not installed; the text names the extra."""

    exit_code = 7

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional package: pip install 'mfclip[{extra}]'")
        self.extra = extra


class TrainingError(MfclipError):
    """Training cannot go on: a loss that is not finite, a run that does not match its recipe."""

    exit_code = 8


class SomeFilesFailed(MfclipError):
    """The command did its work, but some of the files it was given could not be used."""

    exit_code = 9


class TablesDiffer(MfclipError):
    """Saved detectors do not give the tables that were written."""

    exit_code = 10


class SomeCellsFailed(MfclipError):
    """Some trainings of a benchmark failed; the tables are of the others."""

    exit_code = 11


class ExportDiffers(MfclipError):
    """An exported model does not score as its bundle does, within the tolerance."""

    exit_code = 12


class SomePartitionsFailed(MfclipError):
    """Some partitions of a run on a cluster could not be scored; the others are there."""

    exit_code = 13


def in_one_line(error: BaseException) -> str:
    """The error in one line; where it was raised, unless it says so already."""
    text = f"{type(error).__name__}: {' '.join(_text_of(error).split())}".removesuffix(": ")
    frames = traceback.extract_tb(error.__traceback__)
    of_pluggy = type(error).__module__.partition(".")[0] == "pluggy"
    if isinstance(error, ImportError | SyntaxError) or of_pluggy or not frames:
        return text
    return f"{text} ({Path(frames[-1].filename).name}:{frames[-1].lineno})"


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:  # somebody's own __str__
        return f"(its text cannot be had: {type(second).__name__})"
