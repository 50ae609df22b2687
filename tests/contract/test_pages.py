"""Every page that the project writes forbids its browser to load anything from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY = {"default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'"}
PAGES = [
    file
    for folder in ("core", "plugins")
    for file in sorted((ROOT / folder).rglob("*"))
    if file.suffix in {".j2", ".html", ".py"}
    and {"<html", "<head"} <= set(re.findall(r"<h\w+", file.read_text(encoding="utf-8")))
]
"""Whatever holds the beginning of a page, template or program."""


class Head(HTMLParser):
    """What stands before the body: the tags in their order, and the policies."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.policies: list[dict[str, str]] = []
        self.feed(text.partition("<body")[0])

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        if (given.get("http-equiv") or "").lower() == "content-security-policy":
            rules = (rule.strip().partition(" ") for rule in given["content"].split(";"))
            self.policies.append({name: value for name, _, value in rules})
            self.tags.append("policy")


def test_the_pages_are_found():
    names = {str(file.relative_to(ROOT / "core/mfclip")) for file in PAGES}
    assert names == {"pages/base.html.j2"}


def test_every_page_is_of_that_skeleton():
    for file in ROOT.glob("core/mfclip/**/page.html.j2"):
        assert file.read_text(encoding="utf-8").startswith('{% extends "base.html.j2" %}')


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_page_forbids_everything_that_comes_from_elsewhere(file):
    head = Head(file.read_text(encoding="utf-8"))
    assert head.policies == [POLICY]
    # A policy binds what comes after it.
    assert head.tags.index("policy") < head.tags.index("style")
