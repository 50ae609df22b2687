"""Writes that fail or are killed at any point leave the old content or the new, complete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mfclip.files import open_atomically, replace_file, replace_folder, settled, write_text

OLD, NEW = {"a.txt": "old a", "sub/b.txt": "old b"}, {"a.txt": "new a", "c.txt": "new c"}


def fill(folder, content):
    for name, text in content.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def content_of(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "place.d"
    with replace_folder(place) as staged:
        fill(staged, OLD)
    return place


def interrupted(writing, write):
    """Write, then be interrupted before the end of the block."""
    with writing as place:
        write(place)
        raise KeyboardInterrupt


def siblings(path):
    return sorted(one.name for one in path.parent.iterdir())


class TestFile:
    def test_text_is_written_as_it_is(self, tmp_path):
        path = tmp_path / "a.txt"
        write_text(path, "ü\r\nx\n")
        assert path.read_bytes() == "ü\r\nx\n".encode()
        assert siblings(path) == ["a.txt"]

    def test_the_old_content_stays_until_the_end(self, tmp_path):
        path = tmp_path / "a.txt"
        write_text(path, "old")
        with open_atomically(path) as stream:
            stream.write("new")
            stream.flush()
            assert path.read_text() == "old"
        assert path.read_text() == "new"

    def test_an_exception_leaves_the_old_content_and_nothing_else(self, tmp_path):
        path = tmp_path / "a.txt"
        write_text(path, "old")
        with pytest.raises(KeyboardInterrupt):
            interrupted(open_atomically(path), lambda stream: stream.write("half of the n"))
        assert path.read_text() == "old"
        assert siblings(path) == ["a.txt"]

    def test_a_link_goes_on_pointing_to_its_file(self, tmp_path):
        path, link = tmp_path / "a.txt", tmp_path / "link"
        write_text(path, "old")
        link.symlink_to(path)
        write_text(link, "new")
        assert link.is_symlink()
        assert path.read_text() == "new"

    def test_what_is_no_regular_file_is_written_to_directly(self):
        with replace_file(Path(os.devnull)) as staged:
            assert staged == Path(os.devnull)
        assert not Path(os.devnull).is_file()


class TestFolder:
    def test_the_new_content_takes_the_place_of_the_old(self, folder):
        with replace_folder(folder) as staged:
            fill(staged, NEW)
            assert content_of(folder) == OLD
        assert content_of(folder) == NEW
        assert siblings(folder) == ["place.d"]

    def test_parents_are_made(self, tmp_path):
        with replace_folder(tmp_path / "x" / "y") as staged:
            fill(staged, NEW)
        assert content_of(tmp_path / "x" / "y") == NEW

    def test_an_exception_leaves_the_old_content_and_nothing_else(self, folder):
        with pytest.raises(KeyboardInterrupt):
            interrupted(replace_folder(folder), lambda staged: fill(staged, NEW))
        assert content_of(folder) == OLD
        assert siblings(folder) == ["place.d"]

    def test_a_link_goes_on_pointing_to_its_folder(self, folder):
        link = folder.with_name("link")
        link.symlink_to(folder)
        with replace_folder(link) as staged:
            fill(staged, NEW)
        assert link.is_symlink()
        assert content_of(folder) == NEW

    @pytest.mark.parametrize("call", ["rename", "fsync"])
    def test_any_failing_call_leaves_one_of_both(self, folder, monkeypatch, call):
        """The n-th call fails as on a full disk, for every n until none fails any more."""
        failures, outcomes = 0, []
        while not outcomes or failures == len(outcomes):
            calls = fail_call(monkeypatch, call, len(outcomes))
            try:
                with replace_folder(folder) as staged:
                    fill(staged, NEW)
            except OSError:
                failures += 1
            monkeypatch.undo()
            assert calls
            outcomes.append(content_of(settled(folder)))
            with replace_folder(folder) as staged:  # and the next write finds nothing in its way
                fill(staged, OLD)
            assert content_of(folder) == OLD
            assert siblings(folder) == ["place.d"]
        assert failures >= 2
        assert all(found in (OLD, NEW) for found in outcomes)
        assert outcomes[0] == OLD
        assert outcomes[-1] == NEW


def fail_call(monkeypatch, name, which):
    """Let one call of ``os.fsync`` or ``Path.rename`` raise; the calls made are in the list."""
    owner = os if name == "fsync" else Path
    real, calls = getattr(owner, name), []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == which + 1:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(owner, name, failing)
    return calls


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from mfclip.files import replace_folder

folder = Path(sys.argv[1])

def kill_at(place):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        changes = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")
        if event in changes:
            seen += 1
            if seen == place:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

def write():
    with replace_folder(folder) as staged:
        (staged / "a.txt").write_text("new a")
        (staged / "c.txt").write_text("new c")

for place in range(1, 200):
    if not (child := os.fork()):
        kill_at(place)
        write()
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    print(place, flush=True)
    sys.stdin.readline()
    if not killed:
        break
"""


def test_killed_at_any_point_one_of_both_is_complete(folder):
    """A process is killed at its n-th change of the disk, for every n until it gets through."""
    command = [sys.executable, "-c", KILLED, str(folder)]
    outcomes, leftovers = [], set()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in process.stdout:
            outcomes.append(content_of(settled(folder)))
            leftovers.update(siblings(folder))
            with replace_folder(folder) as staged:
                fill(staged, OLD)
            assert siblings(folder) == ["place.d"]
            process.stdin.write("\n")
            process.stdin.flush()
    assert process.returncode == 0
    assert len(outcomes) > 10
    assert all(found in (OLD, NEW) for found in outcomes)
    assert outcomes[0] == OLD
    assert outcomes[-1] == NEW
    # The gap between the two renames was among them, and was bridged.
    assert ".place.d.old" in leftovers


def test_settled_is_the_folder_itself_where_all_is_well(folder, tmp_path):
    assert settled(folder) == folder
    assert settled(tmp_path / "never") == tmp_path / "never"
