"""One process, and what can be told of several without starting them."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
from torch import distributed

from mfclip.errors import UsageError
from mfclip.ranks import world
from mfclip.ranks.place import Place
from mfclip.ranks.world import ALONE, LostRanksError, Ranks, device_of, joined

CPU = torch.device("cpu")
SECOND = Place(rank=1, count=3, local_rank=1, local_count=3)


def test_one_process_waits_for_nobody(monkeypatch):
    monkeypatch.setattr(distributed, "all_reduce", None)
    monkeypatch.setattr(distributed, "all_gather", None)
    one = torch.ones(2)
    with ALONE.lead_first():
        ALONE.meet()
    assert ALONE.leads
    assert torch.equal(ALONE.total(one), one)
    assert ALONE.parts(one)[0] is one
    assert ALONE.turns([1, 2, 3]) == [1, 2, 3]
    assert ALONE.speaks_first()
    assert ALONE.workers(None) is None
    with joined(Place(), CPU) as ranks:
        assert ranks is ALONE


def test_cores_are_shared_unless_a_number_is_asked_for(monkeypatch):
    monkeypatch.setattr(world, "cores", lambda: 10)
    assert Ranks(SECOND).workers(None) == 3
    assert Ranks(SECOND).workers(0) == 0
    assert Ranks(SECOND).workers(5) == 5
    assert Ranks(Place(0, 32, 0, 32)).workers(None) == 1


def test_a_lost_process_is_told_with_what_to_do(monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("Connection closed\n by peer")

    monkeypatch.setattr(distributed, "all_reduce", broken)
    with pytest.raises(LostRanksError) as caught:
        Ranks(SECOND).meet()
    told = str(caught.value)
    assert "process 1 of 3" in told
    assert "Connection closed by peer" in told
    assert "MFCLIP_RANKS_WAIT" in told
    assert "--resume" in told
    assert caught.value.exit_code == 8


def test_the_first_to_fail_speaks():
    count = 0

    def add(key: str, more: int) -> int:
        nonlocal count
        count += more
        return count

    ranks = [Ranks(Place(rank, 2, rank, 2), SimpleNamespace(add=add)) for rank in range(2)]
    assert ranks[1].speaks_first()
    assert not ranks[0].speaks_first()


def test_where_the_store_is_gone_each_speaks():
    def add(*_: object) -> int:
        raise distributed.DistNetworkError("gone")

    assert Ranks(SECOND, SimpleNamespace(add=add)).speaks_first()


def test_processes_share_the_cpu():
    assert device_of("cpu", SECOND) == CPU


def test_each_process_takes_the_gpu_of_its_number(monkeypatch):
    with_gpus(monkeypatch, 3)
    assert device_of("cuda", SECOND) == torch.device("cuda", 1)
    assert device_of("auto", SECOND) == torch.device("cuda", 1)
    with pytest.raises(UsageError, match="CUDA_VISIBLE_DEVICES"):
        device_of("cuda:1", SECOND)
    assert device_of("cuda:1", Place()) == torch.device("cuda:1")


def test_fewer_gpus_than_processes_are_refused(monkeypatch):
    with_gpus(monkeypatch, 2)
    with pytest.raises(UsageError, match="2 GPUs for 3 processes"):
        device_of("cuda", SECOND)


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_gpus_are_joined_over_nccl_and_the_rest_over_gloo(monkeypatch):
    """Without GPUs: what torch is asked for."""
    asked: dict[str, object] = {}

    def init(backend: str, **named: object) -> None:
        asked.update(named, backend=backend)

    monkeypatch.setenv("MFCLIP_RANKS_WAIT", "7")
    monkeypatch.setattr(world, "rendezvous", lambda *_, **__: iter([("store", 1, 3)]))
    monkeypatch.setattr(distributed, "init_process_group", init)
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: asked.update(left=True))
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: asked.update(device=device))
    for device, backend in ((torch.device("cuda", 1), "cpu:gloo,cuda:nccl"), (CPU, "gloo")):
        asked.clear()
        with joined(SECOND, device) as ranks:
            assert (ranks.rank, ranks.count, ranks.leads) == (1, 3, False)
            assert "left" not in asked
        assert asked["backend"] == backend
        assert asked.get("device", CPU) == device
        assert (asked["rank"], asked["world_size"]) == (1, 3)
        assert asked["timeout"] == timedelta(seconds=7)
        assert asked["left"]


def test_processes_that_do_not_come_are_waited_for_no_longer(monkeypatch):
    for name, value in (("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "0")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MFCLIP_RANKS_WAIT", "0.5")
    with (
        pytest.raises(LostRanksError, match=r"process 0 of 2.*within 0\.5 s"),
        joined(Place(0, 2, 0, 2), CPU),
    ):
        pass
