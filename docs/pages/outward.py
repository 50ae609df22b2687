"""For the site: links that leave the documents become the path that they lead to, as text.

In the repository they lead to the file; a site has no place for recipes and sources.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """MkDocs calls it with the text of each page."""
    return inward(markdown, PurePosixPath(page.file.src_uri).parent, Path(config["docs_dir"]))


def inward(markdown: str, folder: PurePosixPath, docs: Path) -> str:
    """The text of a page in ``folder`` of the documents, without links that lead out of them."""

    def replaced(link: re.Match[str]) -> str:
        words, target = link[1], link[2]
        if ":" in target:  # another site
            return link[0]
        place = (docs / folder / target).resolve()
        if place.is_relative_to(docs.resolve()) or not place.exists():
            return link[0]
        path = place.relative_to(docs.resolve().parent).as_posix()
        return f"{words} (`{path}`)" if path not in words else words

    return LINK.sub(replaced, markdown)
