"""What sample pair attention costs beside plain InfoNCE: parameters, FLOPs, time and memory.

One step is forward and backward of the loss alone, for embeddings of 512 numbers in float32.
FLOPs are those of matrix products, forward and backward, two for a multiplication with its
addition, as PyTorch counts them. Memory is the most that tensors of the step held at once, summed
over every allocation that PyTorch's profiler reports, which is exact; A and all gradients are in
it, the embeddings are not. Time is the fastest of some turns that the ways take; on a CPU it is
processor time, which other work on the machine disturbs less.

    python benchmarks/spa_cost.py [--batches 24 256 4096] [--turns 5] [--device cpu] [--detectors]

``--detectors`` adds Table VIII's form: whole detectors with and without SPA.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from timing import machine, table, wait_for_gpu
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from mfclip_spa import InfoNCE, SamplePairAttention, spa_loss

WIDTH, CLASSES = 512, 8
TARGET = 2.0
"""Most memory wanted in blocks, times plain InfoNCE."""
CHUNKS = {24: 8, 256: 32, 4096: 256}
FORMS: dict[str, Callable[[int], nn.Module]] = {
    "InfoNCE": lambda batch: InfoNCE(),
    "position": lambda batch: SamplePairAttention(batch),
    "position, one A each way": lambda batch: SamplePairAttention(batch, per_direction=True),
    "position, on the softmax": lambda batch: SamplePairAttention(batch, gate="softmax"),
    "prompt": lambda batch: SamplePairAttention(classes=CLASSES),
    "features": lambda batch: SamplePairAttention(features=WIDTH),
}
PLAIN = "plain InfoNCE"
DETECTORS = {"CLIP": ("clip", "clip-spa"), "MFCLIP": ("mfclip-no-spa", "mfclip")}
PAPER = {"CLIP": (84.225, 117.23), "MFCLIP": (93.834, 358.12)}


class Plain(nn.Module):
    """InfoNCE as one writes it with torch alone."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(2.66))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        visual, text = F.normalize(visual, dim=-1), F.normalize(text, dim=-1)
        logits = visual @ text.T * self.log_scale.exp()
        answers = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=list(CHUNKS))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--detectors", action="store_true")
    options = parser.parse_args()
    print(machine(options.device), f"; target in blocks: <= {TARGET} times the memory\n", sep="")
    for batch in options.batches:
        print(f"Batch {batch}, in blocks of {chunk_of(batch)} rows:\n")
        print(table(measured(batch, options.turns, options.device)), "\n")
    if options.detectors:
        print(table(detectors()))


def chunk_of(batch: int) -> int:
    return CHUNKS.get(batch, max(1, batch // 16))


@dataclass
class Way:
    """One way to compute the loss of a batch."""

    module: nn.Module
    loss: Callable[[], Tensor]
    embeddings: tuple[Tensor, Tensor]

    def step(self) -> Tensor:
        self.forget()
        value = self.loss()
        value.backward()
        return value.detach()

    def forget(self) -> None:
        for learning in (*self.embeddings, *self.module.parameters()):
            learning.grad = None


def ways(batch: int, device: torch.device) -> dict[str, Way]:
    """By name; those in blocks have the same loss as those without."""
    torch.manual_seed(0)
    visual, text = torch.randn(2, batch, WIDTH, device=device).unbind()
    both = visual.requires_grad_(), text.requires_grad_()
    prompt = torch.arange(batch, device=device) % CLASSES
    plain = Plain().to(device)
    found = {PLAIN: Way(plain, partial(plain, *both), both)}
    for name, make in FORMS.items():
        module = make(batch).to(device)
        whole = partial(spa_loss, *both, module, prompt)
        found[name] = Way(module, whole, both)
        found[f"{name}, blocks"] = Way(module, partial(whole, chunk=chunk_of(batch)), both)
    return found


def measured(batch: int, turns: int, device: torch.device) -> list[dict[str, object]]:
    found = ways(batch, device)
    check(found)
    memory = {name: peak(way, device) for name, way in found.items()}
    seconds = fastest(found, turns, device)
    rows: list[dict[str, object]] = []
    for name, way in found.items():
        with FlopCounterMode(display=False) as counter:
            way.step()
        rows.append(
            {
                "loss": name,
                "parameters": sum(p.numel() for p in way.module.parameters()),
                "GFLOP": counter.get_total_flops() / 1e9,
                "ms": seconds[name] * 1e3,
                "times the time": seconds[name] / seconds[PLAIN],
                "MiB": memory[name] / 2**20,
                "times the memory": memory[name] / memory[PLAIN],
            }
        )
    return rows


def fastest(found: dict[str, Way], turns: int, device: torch.device) -> dict[str, float]:
    """Seconds of each step's fastest turn, after one to warm up; small steps many times a turn."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    best = dict.fromkeys(found, float("inf"))
    for turn in range(turns + 1):
        for name, way in found.items():
            repeats, start = 0, clock()
            while repeats == 0 or (clock() - start < 0.05 and turn):
                way.step()
                wait_for_gpu()
                repeats += 1
            if turn:
                best[name] = min(best[name], (clock() - start) / repeats)
    return best


def check(found: dict[str, Way]) -> None:
    """Blocks must not change the loss."""
    losses = {name: way.step() for name, way in found.items()}
    for name, value in losses.items():
        whole = losses[name.removesuffix(", blocks")]
        if not torch.allclose(value, whole, rtol=1e-4):
            raise SystemExit(f"{name}: {value}, but whole: {whole}")


def peak(way: Way, device: torch.device) -> int:
    """Most bytes at once in one step, and the parameters, which lie there all the time."""
    parameters = sum(p.numel() * p.element_size() for p in way.module.parameters())
    way.forget()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        way.step()
        return torch.cuda.max_memory_allocated() - before + parameters
    with torch.profiler.profile(profile_memory=True) as profile:
        way.step()
    events = profile.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most + parameters


def detectors() -> list[dict[str, object]]:
    """Table VIII: MACs of one forward pass over 24 pairs, a text encoded for each of them."""
    from subjects import make_setup

    from mfclip.detector.cost import cost

    rows: list[dict[str, object]] = []
    for model, assemblies in DETECTORS.items():
        for assembly, spa in zip(assemblies, ("without", "with"), strict=True):
            setup = make_setup(assembly, 1, torch.device("cpu"))
            size = setup.recipe.preprocessing.size
            parts = [p for p in cost(setup.detector, size, 24, 24) if p.path.count(".") == 0]
            macs = sum(p.macs * (24 if p.per == "image" else 1) for p in parts)
            parameters = sum(p.numel() for p in setup.detector.parameters())
            rows.append(
                {
                    "detector": f"{model} {spa} SPA",
                    "parameters": parameters,
                    "M": f"{parameters / 1e6:.3f}",
                    "GMAC": f"{macs / 1e9:.2f}",
                    "of the alignment, MMAC": f"{alignment(parts) / 1e6:.3f}",
                    "paper, M": PAPER[model][0],
                    "paper, G": PAPER[model][1],
                }
            )
    return rows


def alignment(parts: list) -> int:
    return sum(part.macs for part in parts if part.path == "alignment")


if __name__ == "__main__":
    main()
