"""A full disk, a killed process or a wrong folder loses nothing that was there before."""

import errno
import os
import resource
import signal
import sys
from pathlib import Path

import pytest
import torch

from mfclip.bundle.folder import check_destination, write_bundle
from mfclip.errors import BundleError, UsageError


def head_bias(bundle):
    """What tells the bundles of the following tests apart; reading it checks the whole bundle."""
    return bundle.detector().head.bias.tolist()


def set_bias(contents, value):
    with torch.no_grad():
        contents.detector.head.bias.fill_(value)


def test_a_disk_that_is_full_at_any_file_leaves_the_earlier_bundle(
    folder, contents, read, monkeypatch
):
    set_bias(contents, 1)
    write_bundle(folder, contents)
    set_bias(contents, 2)
    real, files = Path.write_bytes, sorted(p for p in folder.rglob("*") if p.is_file())
    for failing in [path.name for path in files if path.suffix != ".safetensors"]:

        def write(path, content, failing=failing):
            if path.name == failing:
                real(path, content[:3])
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(path, content)

        monkeypatch.setattr(Path, "write_bytes", write)
        with pytest.raises(BundleError, match=r"No space left.*what was there before is untouched"):
            write_bundle(folder, contents)
        assert head_bias(read(folder)) == [1, 1]
        assert [p.name for p in folder.parent.iterdir()] == ["bundle"]


def test_weights_that_do_not_fit_on_the_disk_leave_the_earlier_bundle(folder, contents, read):
    set_bias(contents, 1)
    write_bundle(folder, contents)
    contents.detector.text.words = torch.nn.Embedding(100_000, 6)  # 2.4 MB
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(BundleError, match="could not write the bundle"):
            write_bundle(folder, contents)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert head_bias(read(folder)) == [1, 1]


def test_killed_at_any_point_one_of_both_bundles_can_be_read(folder, contents, read):
    """A process is killed at every third change of the disk until it gets through."""
    set_bias(contents, 1)
    write_bundle(folder, contents)
    set_bias(contents, 2)
    found, killed = [], True
    while killed:
        if not (child := os.fork()):
            kill_at_change(3 * len(found) + 1)
            write_bundle(folder, contents)
            os._exit(0)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        found.append(head_bias(read(folder)))
    assert len(found) > 10
    assert found == sorted(found)
    assert found[0] == [1, 1]
    assert found[-1] == [2, 2]


def kill_at_change(place):
    """Let this process be killed with SIGKILL at its n-th change of the disk."""
    changes = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        seen += event in changes
        if event in changes and seen == place:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


class TestDestination:
    def test_absent_empty_or_a_bundle_is_fine(self, folder, contents):
        check_destination(folder)
        folder.mkdir()
        check_destination(folder)
        write_bundle(folder, contents)
        check_destination(folder)

    def test_other_peoples_files_are_not_removed(self, folder, contents):
        folder.mkdir()
        (folder / "thesis.tex").write_text("years of work")
        with pytest.raises(UsageError, match=r"thesis\.tex.*\(1 in all\)"):
            write_bundle(folder, contents)
        assert (folder / "thesis.tex").exists()

    def test_nor_are_files_put_into_a_bundle(self, folder, contents):
        write_bundle(folder, contents)
        (folder / "history" / "notes.txt").write_text("mine")
        with pytest.raises(UsageError, match=r"history/notes\.txt"):
            write_bundle(folder, contents)

    def test_a_file_is_no_folder(self, folder):
        folder.write_text("")
        with pytest.raises(UsageError, match="is a file; a bundle is a folder"):
            check_destination(folder)
