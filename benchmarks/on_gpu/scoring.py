"""Scoring: images/s by batch and by way, and where the time of a pass goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from on_gpu.flops import CONVOLUTIONS, PRODUCTS, REST, kind_of
from on_gpu.peak import GIGA, TERA
from on_gpu.subject import Subject
from on_gpu.timed import timed
from on_gpu.ways import FUSED, SHIPPED, Way, compiled_ways, plain_ways

Row = dict[str, object]
TOLERANCE = 0.1
"""Largest allowed difference of the log-odds between ways, as between precisions."""
DECODED = "as shipped, from decoded bytes"


def sweep(subject: Subject) -> Iterator[Row]:
    """Every way without a compiler, batch by batch."""
    for batch in subject.plan.batches:
        ways = plain_ways(subject.predictor, subject.images(batch))
        ways[DECODED] = partial(decoded_way, subject, batch)
        yield from rows(subject, ways, batch)


def compiled_rows(subject: Subject) -> Iterator[Row]:
    """The ways with a compiler, at one batch."""
    batch = subject.plan.bulk
    yield from rows(subject, compiled_ways(subject.predictor, subject.images(batch)), batch)


def decoded_way(subject: Subject, batch: int) -> Way:
    """Preprocessing included, with the log-odds brought to the host: what a program waits for."""
    images = subject.decoded(batch)
    return lambda: torch.from_numpy(subject.predictor(images))


def rows(subject: Subject, ways: Mapping[str, Callable[[], Way]], batch: int) -> Iterator[Row]:
    """One row a way; a way that the device or the memory refuses gives a row that says so."""
    for name, make in ways.items():
        try:
            yield row(subject, name, batch, make())
        except RuntimeError as error:
            yield refused(subject, name, batch, error)


def row(subject: Subject, name: str, batch: int, way: Way) -> Row:
    """Check that the way gives the same log-odds, and time it."""
    off = subject.off(way())
    plan, flops = subject.plan, subject.flops.total * batch
    if off > TOLERANCE:
        raise RuntimeError(f"log-odds differ from the shipped way's by {off:.2g}")
    seconds, mebibytes = timed(way, plan.device, plan.seconds)
    return head(subject, name, batch) | {
        "images/s": batch / seconds,
        "ms a batch": seconds * 1e3,
        "TFLOP/s": flops / seconds / TERA,
        "share of peak": subject.peak.share(flops, seconds),
        "MiB": "" if mebibytes is None else round(mebibytes),
        "log-odds off": off,
    }


def head(subject: Subject, name: str, batch: int) -> Row:
    """The cells that every row begins with."""
    return {"assembly": subject.assembly, "way": name, "batch": batch}


def refused(subject: Subject, name: str, batch: int, error: RuntimeError) -> Row:
    """A row for what could not be measured."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        torch.cuda.empty_cache()
        why = "out of memory"
    else:
        why = str(error).strip().partition("\n")[0][:120]
    names = ("images/s", "ms a batch", "TFLOP/s", "share of peak", "MiB", "log-odds off")
    return head(subject, name, batch) | dict.fromkeys(names, "") | {"images/s": why}


def kinds(subject: Subject) -> Iterator[Row]:
    """Time and arithmetic of a pass by kind of operation, of the ways that can be seen into."""
    batch = subject.plan.bulk
    ways = plain_ways(subject.predictor, subject.images(batch))
    for name in (SHIPPED, FUSED):
        if name in ways:
            yield from by_kind(subject, name, ways[name](), batch)


def by_kind(subject: Subject, name: str, way: Way, batch: int) -> Iterator[Row]:
    """As the profiler attributes it; a ReLU that a convolution applies is the convolution's."""
    seconds = seconds_by_kind(way, subject.plan.device)
    flops = {CONVOLUTIONS: subject.flops.convolutions, PRODUCTS: subject.flops.products, REST: 0}
    for kind, taken in seconds.items():
        done = flops[kind] * batch
        yield head(subject, name, batch) | {
            "kind": kind,
            "ms": taken * 1e3,
            "share of time": taken / sum(seconds.values()),
            "GFLOP an image": flops[kind] / GIGA,
            "TFLOP/s": done / taken / TERA if taken else 0.0,
            "share of peak": subject.peak.share(done, taken) if taken else 0.0,
        }


def seconds_by_kind(way: Callable[[], Tensor], device: torch.device) -> dict[str, float]:
    """Of the device's own time in one pass."""
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    way()
    with profile(activities=activities) as found:
        way()
        if on_gpu:
            torch.cuda.synchronize()
    seconds = dict.fromkeys((CONVOLUTIONS, PRODUCTS, REST), 0.0)
    for event in found.key_averages():
        # A kernel has an event of its own beside that of the operation that launched it.
        if event.device_type == DeviceType.CPU:
            own = event.self_device_time_total if on_gpu else event.self_cpu_time_total
            seconds[kind_of(event.key)] += own / 1e6
    return seconds
