"""Started by torchrun in three processes: what they compute together against one process.

Every check ends in assertions. The first process writes what the build went through, and names
the checks that ran.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from conftest import Watch, build_shared
from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import PluginError, TrainingError
from mfclip.plugins.discovery import discover
from mfclip.ranks.gradients import average, require_alike
from mfclip.ranks.normalisation import NormalisesTogether
from mfclip.ranks.place import place_of_process
from mfclip.ranks.shares import Shares, drawing_alike, gather, sharing
from mfclip.ranks.world import Ranks, joined
from mfclip.testing.inputs import targets
from mfclip.testing.simulated import changed, outputs_for
from mfclip.testing.subject import SMALL
from mfclip.training.together import outputs_of_all, targets_of_all
from mfclip_baselines.recce import cosines
from mfclip_spa.attention import InfoNCE, SamplePairAttention
from mfclip_spa.contrastive import contrastive_loss

ROWS, WIDTH = 7, 8
FOLDER = Path(sys.argv[1])


def assert_same(found: object, wanted: object, what: str) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12, msg=lambda m: f"{what}: {m}")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_()


def check_gather(ranks: Ranks) -> None:
    for rows in (ROWS, 3, 2, 1):
        shares = Shares(ranks, rows)
        whole, weights = drawn(rows, 4), drawn(rows, 4, seed=1)
        own = leaf(whole[shares.computed])
        with sharing(shares):
            together = gather(own)
            flags = gather(whole[shares.computed] > 0)
        assert torch.equal(together, whole)
        assert torch.equal(flags, whole > 0)
        (together * weights).sum().backward()
        wanted = weights[shares.computed] * ranks.count * shares.present
        assert torch.equal(own.grad, wanted)
    assert gather(whole) is whole  # outside of a shared step


def check_drawing(ranks: Ranks) -> None:
    torch.manual_seed(ranks.rank)
    with sharing(Shares(ranks, ROWS, seed=5)):
        before = torch.rand(1)
        with drawing_alike():
            alike = torch.rand(2)
        after = torch.rand(1)
    torch.manual_seed(ranks.rank)
    assert torch.equal(torch.rand(2), torch.cat([before, after]))
    assert all(torch.equal(part, alike) for part in ranks.parts(alike))


def check_batch_norm(ranks: Ranks) -> None:
    for rows in (ROWS, 2):  # of two rows one process has none
        for shape, kind in (((4,), nn.BatchNorm1d), ((4, 3, 5), nn.BatchNorm2d)):
            shares = Shares(ranks, rows)
            layers = [kind(4).double() for _ in range(2)]
            for layer in layers:
                nn.init.uniform_(layer.weight, 0.5, 1.5, torch.Generator().manual_seed(3))
            x, weights = drawn(rows, *shape), drawn(rows, *shape, seed=1)
            alone, own = leaf(x), leaf(x[shares.computed])
            wanted = layers[0](alone)
            (wanted * weights).sum().backward()
            with sharing(shares), NormalisesTogether(shares):
                found = gather(layers[1](own))
                (found * weights).sum().backward()
            average(layers[1].parameters(), ranks)
            what = f"{kind.__name__} of {rows}"
            assert_same(found, wanted, what)
            assert_same(own.grad / ranks.count, alone.grad[shares.computed] * shares.present, what)
            gradients = [[p.grad for p in layer.parameters()] for layer in layers]
            assert_same(gradients[1], gradients[0], what)
            assert_same(dict(layers[1].named_buffers()), dict(layers[0].named_buffers()), what)
            layers[1].eval()  # the statistics at rest are used as they are
            with NormalisesTogether(shares):
                assert_same(layers[1](x), layers[0].eval()(x), what)


def check_average(ranks: Ranks) -> None:
    one, two, three = (nn.Parameter(torch.zeros(2)) for _ in range(3))
    one.grad = torch.full((2,), float(ranks.rank))
    if ranks.leads:
        two.grad = torch.full((2,), 6.0)
    average([one, two, three], ranks)
    assert one.grad.tolist() == [1, 1]
    assert two.grad.tolist() == [2, 2]
    assert three.grad is None


def check_differences(ranks: Ranks) -> None:
    alike = torch.arange(3.0)
    require_alike({"alike": alike, "empty": torch.zeros(0)}, ranks, "before")
    with raising(TrainingError, "'own'"):
        require_alike({"alike": alike, "own": alike + ranks.rank}, ranks, "before")


def check_losses(ranks: Ranks) -> None:
    """Each loss on offer, of the whole batch and of shares of it, in float64."""
    shares = Shares(ranks, ROWS)
    seen = []
    for offer in discover().of_kind("loss"):
        part = offer.schema()
        if "similarity" in part.needs:
            continue  # see check_alignments
        torch.manual_seed(0)
        module = part.build(SMALL).double()
        outputs = outputs_for(part.needs, ROWS, WIDTH, shapes=part.shapes)
        alone = changed(outputs, lambda tensor: tensor.double())
        truth = targets(ROWS, part, SMALL)
        wanted = module(alone, truth)
        wanted.backward()
        expected = [p.grad for p in module.parameters()]
        module.zero_grad()
        own, mine = cut(alone, shares.computed, part.shapes), cut_targets(truth, shares.computed)
        with sharing(shares):
            shapes = {name: part.shapes.get(name, ("batch", "width")) for name in own.extra}
            found = module(outputs_of_all(own, shapes, "it"), targets_of_all(mine))
            found.backward()
        average(module.parameters(), ranks)
        assert_same(found, wanted, offer.name)
        assert_same([p.grad for p in module.parameters()], expected, offer.name)
        for name, value in alone.named.items():
            given = own.named[name]
            rows = slice(None) if given.shape == value.shape else shares.computed
            if value.grad is not None:
                by = 1 if given.shape == value.shape else ranks.count
                assert_same(given.grad / by, value.grad[rows], f"{offer.name} {name}")
        seen.append(offer.name)
    assert {"uniformity-alignment", "recce-reconstruction", "recce-metric"} <= set(seen), seen
    assert len(seen) >= 14, seen


def cut(outputs: Outputs, rows: slice, shapes: dict) -> Outputs:
    """This process's rows; of what compares rows, all."""

    def own(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else leaf(tensor[rows])

    return replace(
        outputs,
        logits=own(outputs.logits),
        visual=own(outputs.visual),
        text=own(outputs.text),
        predicted_text=own(outputs.predicted_text),
        extra={
            name: leaf(value) if shapes.get(name, ())[:2] == ("batch", "batch") else own(value)
            for name, value in outputs.extra.items()
        },
    )


def cut_targets(truth: Targets, rows: slice) -> Targets:
    named = {n: v[rows] if isinstance(v, Tensor) else v for n, v in truth.named.items()}
    return Targets(truth.label[rows], truth.prompt[rows], named)


def check_alignments(ranks: Ranks) -> None:
    forms = [{"max_batch": ROWS}, {"classes": 3}, {"features": WIDTH, "rank": 2}]
    made: list[tuple[str, Callable[[], nn.Module]]] = [("infonce", InfoNCE)]
    for form in forms:
        for gate in ("logits", "softmax"):
            options = {**form, "gate": gate, "per_direction": gate == "logits"}
            made.append((str(options), lambda o=options: SamplePairAttention(**o)))
    for name, make in made:
        torch.manual_seed(0)
        module = make().double()
        for parameter in module.parameters():
            nn.init.normal_(parameter)
        compare(ranks, module, name, lambda *rows, m=module: contrastive_loss(m(*rows)))


def check_cosines(ranks: Ranks) -> None:
    """RECCE compares every row with every other inside its forward pass."""
    weights = drawn(ROWS, ROWS, seed=9)

    def loss(visual: Tensor, text: Tensor, prompt: Tensor) -> Tensor:
        maps = (visual + text)[:, :, None, None].expand(-1, -1, 2, 2)
        return (cosines(maps) * weights).sum()

    compare(ranks, nn.Module(), "cosines", loss, gathered=False)


def compare(
    ranks: Ranks,
    module: nn.Module,
    name: str,
    loss: Callable[..., Tensor],
    *,
    gathered: bool = True,
) -> None:
    """Value and gradients of a loss of pairs, whole and in shares, uneven ones and none."""
    for rows in (ROWS, 2) if gathered else (ROWS,):
        shares = Shares(ranks, rows)
        pair, prompt = [drawn(rows, WIDTH), drawn(rows, WIDTH, seed=1)], torch.arange(rows) % 3
        alone, own = [leaf(x) for x in pair], [leaf(x[shares.computed]) for x in pair]
        module.zero_grad()
        wanted = loss(*alone, prompt)
        wanted.backward()
        expected = [p.grad for p in module.parameters()]
        module.zero_grad()
        with sharing(shares):
            given = (*own, prompt[shares.computed])
            found = loss(*map(gather, given)) if gathered else loss(*given)
            found.backward()
        average(module.parameters(), ranks)
        # RECCE's are float32 inside.
        exact = {"rtol": 1e-9, "atol": 1e-12} if gathered else {"rtol": 1e-5, "atol": 1e-6}
        torch.testing.assert_close(found, wanted, **exact, msg=lambda m: f"{name}: {m}")
        assert_same([p.grad for p in module.parameters()], expected, name)
        for mine, whole in zip(own, alone, strict=True):
            rest = whole.grad[shares.computed] * shares.present
            torch.testing.assert_close(mine.grad / ranks.count, rest, **exact)


def check_refusals(ranks: Ranks) -> None:
    shares = Shares(ranks, ROWS)
    count = len(range(ROWS)[shares.computed])
    given = Outputs(torch.zeros(count, 2), extra={"acme.map": torch.zeros(count, 3)})
    with sharing(shares):
        for shapes in ({}, {"acme.map": (3, "batch")}):
            with raising(PluginError, "'acme.map'"):
                outputs_of_all(given, shapes, "acme")
        with raising(ValueError, "one row an image"):
            gather(torch.zeros(count + 1, 2))


def check_build(ranks: Ranks) -> None:
    """The rest of a build that one process began."""
    watch = Watch()
    built = build_shared(FOLDER / "begun", ranks=ranks, watch=watch, resume=True)
    assert (built.size is not None) == ranks.leads
    if ranks.leads:
        (FOLDER / "begun.json").write_text(json.dumps(watch.losses), encoding="utf-8")
    else:
        assert not watch.losses


@contextmanager
def raising(kind: type[Exception], text: str) -> Iterator[None]:
    try:
        yield
    except kind as error:
        assert text in str(error), error  # noqa: PT017
    else:
        raise AssertionError(f"no {kind.__name__}")


CHECKS = (
    check_gather,
    check_drawing,
    check_batch_norm,
    check_average,
    check_differences,
    check_losses,
    check_alignments,
    check_cosines,
    check_refusals,
    check_build,
)


def main() -> None:
    torch.set_num_threads(1)
    with joined(place_of_process(), torch.device("cpu")) as ranks:
        assert ranks.count == 3
        for check in CHECKS:
            check(ranks)
    if ranks.leads:
        print("checked:", *(check.__name__ for check in CHECKS))


if __name__ == "__main__":
    main()
