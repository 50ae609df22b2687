"""Started by torchrun in two processes: each way of gathering against one process.

Every check ends in an assertion; the last line printed by rank 0 names the checks that ran.
"""

from __future__ import annotations

import copy
import itertools
import math
import sys

import torch
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from mfclip_spa import PairGate, SamplePairAttention, SpaClipLoss, SpaSigLipLoss, attach, spa_loss
from mfclip_spa.gather import gather_rows

LOCAL, WIDTH = 3, 5
FORMS = {
    "position": {"max_batch": 8},
    "prompt": {"classes": 3},
    "features": {"features": 4, "rank": 2},
}


class Towers(nn.Module):
    """Two encoders, a gate and a temperature in one module, as a user's model."""

    def __init__(self, spa: PairGate | None = None, **form: object) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.image, self.text = nn.Linear(WIDTH, 4), nn.Linear(WIDTH, 4)
        self.logit_scale = nn.Parameter(torch.ones(1))
        self.logit_bias = nn.Parameter(-torch.ones(1))
        self.spa = spa or SamplePairAttention(**form)
        self.double()
        for name, parameter in self.spa.named_parameters():
            if name.startswith("pairs"):
                nn.init.normal_(parameter)

    def forward(self, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        both = F.normalize(self.image(image), dim=-1), F.normalize(self.text(text), dim=-1)
        return *both, self.logit_scale.exp(), self.logit_bias


class Inside(Towers):
    """Computes its loss in its forward, as FSDP wants it."""

    def forward(self, image: Tensor, text: Tensor, prompt: Tensor, gather: bool = True) -> Tensor:
        return spa_loss(self.image(image), self.text(text), self.spa, prompt, gather=gather)


def data() -> tuple[Tensor, Tensor, Tensor]:
    """The global batch."""
    generator = torch.Generator().manual_seed(1)
    image, text = torch.randn(2, 2 * LOCAL, WIDTH, generator=generator, dtype=torch.float64)
    return image, text, torch.arange(2 * LOCAL) % 3


def mine() -> list[Tensor]:
    start = distributed.get_rank() * LOCAL
    return [part[start : start + LOCAL] for part in data()]


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def mean(value: Tensor) -> Tensor:
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def assert_same(found: object, expected: object, what: str) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12, msg=lambda m: f"{what}: {m}")


def check_spa_loss() -> None:
    cases = itertools.product(FORMS, ("logits", "softmax"), (False, True), (None, 2))
    for form, gate, per_direction, chunk in cases:
        options = FORMS[form] | {"gate": gate, "per_direction": per_direction}
        whole = Inside(**options)
        image, text, prompt = data()
        expected = spa_loss(whole.image(image), whole.text(text), whole.spa, prompt)
        expected.backward()
        inner = Towers(**options)
        inner.logit_scale.requires_grad_(False)  # DDP waits for all; the attention has its own
        inner.logit_bias.requires_grad_(False)
        model = DistributedDataParallel(inner)
        image, text, prompt = mine()
        loss = spa_loss(*model(image, text)[:2], inner.spa, prompt, chunk=chunk, gather=True)
        loss.backward()
        assert_same(mean(loss), expected.detach(), f"{form} {gate} {chunk}")
        assert_same(gradients(inner), gradients(whole), f"{form} {gate} {chunk}")


def check_open_clip_losses() -> None:
    """Open, they are open_clip's own; gated, the two right settings are one process's loss."""
    from open_clip.loss import ClipLoss, SigLipLoss

    settings = [
        {"local_loss": local, "gather_with_grad": grad}
        for local in (False, True)
        for grad in (False, True)
    ]
    place = {"rank": distributed.get_rank(), "world_size": 2}
    for options in settings:
        fully_open = Towers(PairGate(8))
        nn.init.constant_(fully_open.spa.pairs.weight, 60.0)
        theirs = compute(ClipLoss(**options, **place), copy.deepcopy(fully_open), None)
        ours = compute(SpaClipLoss(fully_open, **options, **place), fully_open, None)
        assert_same(ours[0], theirs[0], f"ClipLoss {options}")
        same = {n: g for n, g in ours[1].items() if not n.startswith("spa")}
        assert_same(same, theirs[1], f"ClipLoss {options}")
    fully_open = Towers(PairGate(8))
    nn.init.constant_(fully_open.spa.pairs.weight, 60.0)
    theirs = compute(SigLipLoss(**place), copy.deepcopy(fully_open), None)
    ours = compute(SpaSigLipLoss(fully_open, **place), fully_open, None)
    assert_same(ours[0], theirs[0], "SigLipLoss")
    same = {n: g for n, g in ours[1].items() if not n.startswith("spa")}
    assert_same(same, theirs[1], "SigLipLoss")
    for form, options, chunk in itertools.product(FORMS, settings, (None, 2)):
        check_gated(SpaClipLoss, form, options | place, chunk)
    for form, chunk in itertools.product(FORMS, (None, 2)):
        check_gated(SpaSigLipLoss, form, place, chunk)


def check_gated(kind: type, form: str, options: dict[str, object], chunk: int | None) -> None:
    whole = Towers(PairGate(**FORMS[form]))
    image, text, prompt = data()
    expected = kind(whole)(*whole(image, text), prompt=prompt)
    expected.backward()
    inner = Towers(PairGate(**FORMS[form]))
    loss, found = compute(kind(inner, **options, chunk=chunk), inner, mine()[2])
    assert_same(mean(loss), expected.detach(), f"{kind.__name__} {form} {options}")
    if options.get("gather_with_grad", True):
        assert_same(found, gradients(whole), f"{kind.__name__} {form} {options}")
    elif not options["local_loss"]:  # as documented
        encoders = {n: g for n, g in found.items() if n.startswith(("image", "text"))}
        wanted = {n: gradients(whole)[n] / 2 for n in encoders}
        assert_same(encoders, wanted, f"{kind.__name__} {form} {options}")
        if form != "features":
            gate = found["spa.pairs.weight"]
            assert_same(gate, gradients(whole)["spa.pairs.weight"], f"{form} {options}")


def compute(loss: nn.Module, model: Towers, prompt: Tensor | None) -> tuple[Tensor, dict]:
    """Loss and gradients after DDP's mean; as open_clip does it, with the loss outside."""
    unused = not isinstance(loss, SpaClipLoss | SpaSigLipLoss)
    if unused:
        model.spa.requires_grad_(False)
    if "SigLip" not in type(loss).__name__:
        model.logit_bias.requires_grad_(False)
    image, text, *_ = mine()
    wrapped = DistributedDataParallel(model)  # by name: without it there is nothing to average
    outputs = wrapped(image, text)
    if "SigLip" not in type(loss).__name__:
        outputs = outputs[:3]
    value = loss(*outputs) if prompt is None else loss(*outputs, prompt=prompt)
    value.backward()
    return value.detach(), gradients(model)


def check_gather() -> None:
    rank = distributed.get_rank()
    local = torch.full((2, 3), float(rank), requires_grad=True)
    gathered = gather_rows(local)
    assert gathered[:, 0].tolist() == [0, 0, 1, 1]
    weights = torch.arange(4.0)[:, None] * (rank + 1)
    (gathered * weights).sum().backward()
    assert local.grad[:, 0].tolist() == [[0, 3], [6, 9]][rank]  # of both processes
    kept = gather_rows(local, with_grad=False)
    (gradient,) = torch.autograd.grad(kept.sum(), local)
    assert (gradient == 1).all()
    assert not gather_rows(local, with_grad=False, keep_own=False).requires_grad


def check_fsdp() -> None:
    """A step of a module that holds the attention, sharded, is the step of one process."""
    for form in FORMS:
        whole, sharded = Inside(**FORMS[form]), shard(Inside(**FORMS[form]))
        step(whole, *data(), gather=False)
        step(sharded, *mine())
        assert_same(collected(sharded), collected(whole), f"fsdp {form}")


def shard(model: nn.Module) -> nn.Module:
    """All of it but scalars, which FSDP refuses: the logit_scale of transformers is one."""
    from torch.distributed.fsdp import fully_shard

    scalars = {p for p in model.parameters() if p.ndim == 0}
    for frozen in scalars:
        frozen.requires_grad_(False)
    fully_shard(model, ignored_params=scalars)
    assert all(isinstance(p, DTensor) for p in model.parameters() if p.ndim)
    return model


def collected(model: nn.Module) -> dict[str, Tensor]:
    """Parameters, sharded ones put together again."""
    return {
        name: (p.full_tensor() if isinstance(p, DTensor) else p).detach()
        for name, p in model.named_parameters()
    }


def step(model: nn.Module, *inputs: object, **named: object) -> None:
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)  # before FSDP's forward, which swaps them
    output = model(*inputs, **named)
    (output if isinstance(output, Tensor) else output.loss).backward()
    sgd.step()


def clip() -> nn.Module:
    from transformers import CLIPConfig, CLIPModel

    small = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    text = {"vocab_size": 64, "max_position_embeddings": 8, "bos_token_id": 62, "eos_token_id": 63}
    vision = {"image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=small | text | {"pad_token_id": 0},
        vision_config=small | vision,
        projection_dim=8,
    )
    return CLIPModel(config)


def clip_batch() -> dict[str, Tensor]:
    ids = torch.tensor([[5, 6, 63], [7, 8, 63], [9, 5, 63]])
    pixels = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    return {"input_ids": ids, "pixel_values": pixels, "return_loss": True}


def check_transformers() -> None:
    """An attached model, in DDP and sharded, takes the plain model's step on equal batches."""
    prompts = clip_batch()["input_ids"]
    forms = {
        "position": {"max_batch": 4},
        "prompt": {"prompts": prompts},
        "features": {"features": 8},
    }
    for wrap, form in itertools.product((DistributedDataParallel, shard), forms):
        alone, inner = clip(), clip()
        for model in (alone, inner):
            model.logit_scale.requires_grad_(False)
            torch.manual_seed(0)
            attach(model, **forms[form])
        wrapped = wrap(inner)
        step(alone, **clip_batch())
        step(wrapped, **clip_batch())
        torch.testing.assert_close(collected(inner), collected(alone), rtol=1e-4, atol=1e-6)
    try:
        attach(shard(clip()), max_batch=4)
    except TypeError as error:
        assert "attach to the model inside" in str(error)  # noqa: PT017
    else:
        raise AssertionError("attached to a model that is sharded already")


def check_refusals() -> None:
    inner = Towers(PairGate(2 * LOCAL - 1))
    loss = SpaClipLoss(inner, rank=distributed.get_rank(), world_size=2)
    try:
        loss(*inner(*mine()[:2]))
    except ValueError as error:
        assert f"received {2 * LOCAL}" in str(error)  # noqa: PT017
    else:
        raise AssertionError("a global batch beyond max_batch was taken")


CHECKS = {
    "gather": check_gather,
    "spa_loss": check_spa_loss,
    "open_clip": check_open_clip_losses,
    "fsdp": check_fsdp,
    "transformers": check_transformers,
    "refusals": check_refusals,
}


def main() -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    assert distributed.get_world_size() == 2
    assert math.isclose(mean(torch.tensor(float(distributed.get_rank()))), 0.5)
    names = sys.argv[1:] or list(CHECKS)
    for name in names:
        CHECKS[name]()
    if distributed.get_rank() == 0:
        print("checked:", *names)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
