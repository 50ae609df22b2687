"""Schemas that cannot serve are refused with the attribute at fault."""

from __future__ import annotations

import pytest

from mfclip.errors import in_one_line
from mfclip.plugins.discovery import discover

SOURCE = """
    from typing import ClassVar, Literal
    from pydantic import ConfigDict
    from mfclip import Loss, hookimpl

    class AcmeLoss(Loss):
        '''A loss.'''
        BODY
        use: Literal["acme-loss"] = "acme-loss"

        def build(self, context):
            raise NotImplementedError

    @hookimpl
    def mfclip_losses():
        return [AcmeLoss]
"""
OUTPUTS = (
    "a frozenset with some of 'logits', 'visual', 'text', 'predicted_text', 'similarity', or names "
    "of your own like 'acme.map'"
)
SHAPES = (
    "shapes of outputs of your own like {'acme.map': ('batch', 1, 8, 8)}, of whole numbers and "
    "'batch' or 'width'; a detector may use other words too"
)
WRONG = {
    "modules: ClassVar = 'timm'": (
        "AcmeLoss has modules = 'timm'; it should be a tuple of texts, such as ('timm',)"
    ),
    "modules: ClassVar = (1,)": (
        "AcmeLoss has modules = (1,); it should be a tuple of texts, such as ('timm',)"
    ),
    "paper: ClassVar = 3": "AcmeLoss has paper = 3; it should be a text",
    "extra: ClassVar = ['a']": "AcmeLoss has extra = ['a']; it should be a text or None",
    "needs: ClassVar = {'logits'}": f"AcmeLoss has needs = {{'logits'}}; it should be {OUTPUTS}",
    "needs: ClassVar = frozenset(['logit'])": (
        f"AcmeLoss has needs = frozenset({{'logit'}}); it should be {OUTPUTS}"
    ),
    "needs: ClassVar = frozenset(['Acme.Map'])": (
        f"AcmeLoss has needs = frozenset({{'Acme.Map'}}); it should be {OUTPUTS}"
    ),
    "needs: ClassVar = frozenset(['a.b.c'])": (
        f"AcmeLoss has needs = frozenset({{'a.b.c'}}); it should be {OUTPUTS}"
    ),
    "shapes: ClassVar = {'acme.map': ['batch']}": (
        f"AcmeLoss has shapes = {{'acme.map': ['batch']}}; it should be {SHAPES}"
    ),
    "shapes: ClassVar = {'acme.map': ('batch', '8 px')}": (
        f"AcmeLoss has shapes = {{'acme.map': ('batch', '8 px')}}; it should be {SHAPES}"
    ),
    "shapes: ClassVar = {'visual': ('batch', 8)}": (
        f"AcmeLoss has shapes = {{'visual': ('batch', 8)}}; it should be {SHAPES}"
    ),
    "shapes: ClassVar = {'acme.map': ('batch', 8)}": (
        "AcmeLoss has a shape of 'acme.map', which its `needs` does not name"
    ),
    "kind: ClassVar = 'term'": "AcmeLoss sets kind to 'term'; leave it to its base: 'loss'",
    "model_config = ConfigDict(extra='allow')": (
        "AcmeLoss must keep extra='forbid' and frozen=True in its model_config"
    ),
    "model_config = ConfigDict(frozen=False)": (
        "AcmeLoss must keep extra='forbid' and frozen=True in its model_config"
    ),
    "more: 'list[Nowhere]' = []": (
        "AcmeLoss is no usable schema: PydanticUndefinedAnnotation: name 'Nowhere' is not defined"
    ),
}


@pytest.mark.parametrize("body", WRONG)
def test_a_schema_that_cannot_serve_is_refused(install_plugin, body):
    install_plugin(SOURCE.replace("BODY", body))
    plugins = discover()
    (broken,) = plugins.broken
    assert broken.reason == WRONG[body]
    assert plugins.get("loss", "acme-loss") is None


@pytest.mark.parametrize(
    "body",
    [
        "modules: ClassVar = ('timm',)",
        "paper: ClassVar = 'III-C'",
        "needs: ClassVar = frozenset(['logits', 'acme.map', 'noise_map', 'text-map'])",
        "needs: ClassVar = frozenset(['acme.logit'])\n"
        "        shapes: ClassVar = {'acme.logit': ('batch', 1, 8, 'width')}",
    ],
)
def test_sound_attributes_pass(install_plugin, body):
    install_plugin(SOURCE.replace("BODY", body))
    plugins = discover()
    assert plugins.broken == ()
    assert plugins.get("loss", "acme-loss") is not None


UNUSABLE = {
    "x: object.__class__.__subclasshook__ = 1": "PydanticSchemaGenerationError: ",
    "x: int = 1\n        @field_validator('y')\n        def check(cls, x): return x": (
        "PydanticUserError: Decorators defined with incorrect fields: "
    ),
}


@pytest.mark.parametrize("body", UNUSABLE)
def test_what_pydantic_cannot_use_is_found_before_anybody_uses_it(install_plugin, body):
    source = SOURCE.replace("import ConfigDict", "import ConfigDict, Field, field_validator")
    install_plugin(source.replace("BODY", body))
    plugins = discover()
    (broken,) = plugins.broken
    assert broken.reason.startswith(f"AcmeLoss is no usable schema: {UNUSABLE[body]}")
    assert plugins.get("loss", "acme-loss") is None


def test_sound_bounds_and_validators_are_taken(install_plugin):
    body = (
        "x: str = Field(default='a', max_length=3)\n"
        "        @field_validator('x')\n        def check(cls, x): return x"
    )
    source = SOURCE.replace("import ConfigDict", "import ConfigDict, Field, field_validator")
    install_plugin(source.replace("BODY", body))
    assert discover().broken == ()


def test_a_hook_that_is_a_wrapper_is_refused(install_plugin):
    wrapper = SOURCE.replace("BODY", "").replace("@hookimpl", "@hookimpl(wrapper=True)")
    install_plugin(wrapper.replace("return [AcmeLoss]", "return (yield)"))
    (broken,) = discover().broken
    assert broken.reason == (
        "mfclip_losses is marked as a wrapper; write @hookimpl without arguments"
    )


STRANGE = """
    class Strange:
        @property
        def __class__(self):
            raise OSError("odd")
"""


def test_an_object_too_odd_to_look_at_is_the_plugins_own_fault(install_plugin):
    source = SOURCE.replace("BODY", "").replace("return [AcmeLoss]", "return [Strange()]")
    install_plugin(source + STRANGE)
    (broken,) = discover().broken
    assert broken.reason.startswith("OSError: odd (acme_plugin.py:")


def test_an_error_is_explained_in_one_line():
    assert in_one_line(ValueError("a\n  b")) == "ValueError: a b"
    assert in_one_line(ValueError()) == "ValueError"
