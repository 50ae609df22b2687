"""The documents as a site, and the files that people who carry on expect to find."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ELSEWHERE = re.compile(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"")


def built(root: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(out)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=root, env=quiet, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = built(ROOT, out)
    assert done.returncode == 0, done.stderr
    return out


def test_every_document_is_a_page(site: Path) -> None:
    named = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    documents = {file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md")}
    assert named == documents
    for name in documents - {"README.md"}:
        assert (site / name).with_suffix(".html").is_file()
    assert (site / "index.html").is_file()


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    found = {
        (page.name, match)
        for page in pages
        for match in ELSEWHERE.findall(page.read_text(encoding="utf-8"))
        if 'rel="canonical"' not in match
    }
    assert found == set()


def test_it_can_be_searched_and_is_light_or_dark(site: Path) -> None:
    assert (site / "search/search_index.json").stat().st_size > 100_000
    page = (site / "index.html").read_text(encoding="utf-8")
    assert 'data-md-color-scheme="slate"' in page
    assert 'data-md-color-scheme="default"' in page


def test_a_broken_link_ends_the_build(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("there", encoding="utf-8")
    with (tmp_path / "docs/stress.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](how-to/nowhere.md)\n")
    done = built(tmp_path, tmp_path / "out")
    assert done.returncode != 0
    assert "how-to/nowhere.md" in done.stderr + done.stdout


def test_links_that_leave_the_documents_become_paths() -> None:
    sys.path.insert(0, str(DOCS / "pages"))
    try:
        from outward import inward
    finally:
        sys.path.remove(str(DOCS / "pages"))
    text = "[the recipe](../../mfclip.toml), [one](own-data.md), [two](https://example.org/a.md)"
    assert inward(text, PurePosixPath("how-to"), DOCS) == (
        "the recipe (`mfclip.toml`), [one](own-data.md), [two](https://example.org/a.md)"
    )


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["references"][0]["title"].startswith("MFCLIP")


def test_the_workflow_and_the_hooks_run_what_is_there() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["check"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    scripts = Path(sys.executable).parent
    for repository in hooks["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert (scripts / Path(hook["entry"].split()[0]).name).exists()


def test_contributing_names_the_rooms_and_targets_that_there_are() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| room |")[2].partition("\n\n")[0]
    rooms = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    folders = {p.name for p in (ROOT / "core/mfclip").iterdir() if (p / "__init__.py").exists()}
    assert rooms == folders
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([\w-]+)`", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
