"""What a document shows of a terminal: commands, and what they print.

``…`` stands for any text in a line, alone for any lines; figures with a decimal point and seconds
may differ, since they do between processors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a block with the output that is shown for it; none shown: any."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown or "…\n"


def pattern(shown: str) -> re.Pattern[str]:
    """What an output, made :func:`plain`, must be to count as the one that is shown."""
    lines = (re.escape(line).replace("…", ".*") + r"\n" for line in plain(shown).splitlines())
    return re.compile("".join(r"(?:.*\n)*?" if line == r".*\n" else line for line in lines))


def plain(output: str) -> str:
    """The output without what differs between machines: figures, what follows from them, widths.

    A verdict beside a score follows from the score and the threshold beside it.
    """
    figures = re.sub(r"\d+\.\d+|\d+(?= s\b)", "#", output)
    return re.sub(r"^ # (?:real|fake) # ", " # VERDICT # ", re.sub(r" +", " ", figures), flags=re.M)
