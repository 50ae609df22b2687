import subprocess
import sys

import pytest

from mfclip.compute import allocator

FAULTS = """
import resource, torch
{switch}
def work():
    for _ in range(20):
        torch.ones(16_000_000)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
SWITCH = "from mfclip.compute.allocator import keep_freed_memory; assert keep_freed_memory()"


def page_faults(switch: str) -> int:
    command = [sys.executable, "-c", FAULTS.format(switch=switch)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_freed_memory_is_taken_again_without_the_kernel():
    handed_back, kept = page_faults(""), page_faults(SWITCH)
    assert handed_back > 100  # one for 4 KiB, or for 2 MiB where the kernel gives huge pages
    assert kept < handed_back / 10


def test_elsewhere_it_says_that_nothing_changed(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert allocator.keep_freed_memory() is False
