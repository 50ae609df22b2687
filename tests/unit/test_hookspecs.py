"""Hooks may grow without breaking a plugin; what goes away is told at the plugin's own line."""

from __future__ import annotations

import inspect

import pytest

from mfclip import hookspecs
from mfclip.errors import PluginError
from mfclip.hookspecs import HOOKS, hookspec
from mfclip.parts import BASES, KINDS, Loss
from mfclip.plugins.discovery import discover

OLD = """
    from typing import Literal
    from mfclip import Loss, hookimpl

    class AcmeLoss(Loss):
        '''A loss.'''
        use: Literal["acme-loss"] = "acme-loss"
        needs = frozenset({"logits"})

        def build(self, context):
            raise NotImplementedError

    @hookimpl
    def mfclip_losses():
        return [AcmeLoss]
"""
NEW = OLD.replace("mfclip_losses():", "mfclip_losses(device):").replace(
    "return [AcmeLoss]", "return [AcmeLoss] if device == 'cpu' else []"
)
LINE_OF_CLASS, LINE_OF_HOOK = 5, 13


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later mfclip, whose hook has one more argument."""

    @hookspec
    def mfclip_losses(device: str) -> list[type[Loss]]:
        """Terms of the training objective."""
        raise NotImplementedError

    monkeypatch.setattr(hookspecs, "mfclip_losses", mfclip_losses)
    monkeypatch.setitem(hookspecs.ARGUMENTS, "device", "cpu")


def test_every_kind_has_one_hook_and_every_hook_a_specification():
    assert tuple(HOOKS.values()) == KINDS == tuple(BASES)
    specified = {name for name, member in vars(hookspecs).items() if hasattr(member, "mfclip_spec")}
    assert specified == set(HOOKS)


def test_every_argument_of_a_hook_has_a_value_to_hand_out():
    for hook in HOOKS:
        named = inspect.signature(getattr(hookspecs, hook)).parameters
        assert set(named) <= set(hookspecs.ARGUMENTS), hook


def test_what_is_deprecated_exists():
    for key in hookspecs.DEPRECATED:
        base, _, attribute = key.partition(".")
        assert key.partition("(")[0] in HOOKS or hasattr(BASES[base.lower()], attribute), key


@pytest.mark.parametrize("source", [OLD, NEW])
def test_an_argument_added_to_a_hook_breaks_no_plugin(install_plugin, grown, source):
    install_plugin(source)
    plugins = discover()
    assert plugins.broken == plugins.remarks == ()
    assert plugins.get("loss", "acme-loss") is not None
    assert plugins.get("loss", "cross-entropy") is not None, "nor any of ours"


def test_a_plugin_that_asks_for_more_than_there_is_gets_both_signatures(install_plugin):
    install_plugin(NEW)
    (broken,) = discover().broken
    assert "'mfclip_losses'" in broken.reason
    assert "{'device'}" in broken.reason
    assert broken.next_step.startswith("tell the author of acme")


def test_a_deprecated_hook_warns_at_the_plugins_own_line(install_plugin, monkeypatch):
    monkeypatch.setitem(hookspecs.DEPRECATED, "mfclip_losses", "write mfclip_terms")
    site = install_plugin(OLD)
    with pytest.warns(DeprecationWarning, match="^mfclip_losses is deprecated") as caught:
        plugins = discover()
    own = [w for w in caught if w.filename == str(site / "acme_plugin.py")]
    assert [w.lineno for w in own] == [LINE_OF_HOOK]
    assert plugins.get("loss", "acme-loss") is not None, "it works until the next version"
    (remark,) = [r for r in plugins.remarks if r.distribution == "acme"]
    text = f"mfclip_losses is deprecated: write mfclip_terms (acme_plugin.py:{LINE_OF_HOOK})"
    assert remark.reason == text
    with pytest.raises(PluginError, match="is deprecated"):
        plugins.require_all()


def test_a_deprecated_argument_concerns_only_who_asks_for_it(install_plugin, grown, monkeypatch):
    monkeypatch.setitem(hookspecs.DEPRECATED, "mfclip_losses(device)", "look it up in build()")
    install_plugin(OLD, plugin="old", distribution="old")
    install_plugin(NEW.replace("acme-", "new-"), plugin="new", distribution="new")
    with pytest.warns(DeprecationWarning, match="device"):
        plugins = discover()
    assert [remark.name for remark in plugins.remarks] == ["new"]
    assert plugins.broken == ()


def test_a_deprecated_attribute_warns_at_the_line_of_the_class(install_plugin, monkeypatch):
    monkeypatch.setitem(hookspecs.DEPRECATED, "Loss.needs", "write Loss.reads")
    site = install_plugin(OLD.replace("        needs =", "        needs: ClassVar =").replace(
        "import Literal", "import ClassVar, Literal"
    ))  # fmt: skip
    with pytest.warns(DeprecationWarning, match="^Loss.needs is deprecated") as caught:
        plugins = discover()
    own = [w for w in caught if w.filename == str(site / "acme_plugin.py")]
    assert [(w.lineno, str(w.message)) for w in own] == [
        (LINE_OF_CLASS, "Loss.needs is deprecated, and AcmeLoss sets it: write Loss.reads")
    ]
    assert plugins.get("loss", "acme-loss") is not None


def test_a_class_that_leaves_a_deprecated_attribute_alone_is_not_warned(
    install_plugin, monkeypatch
):
    monkeypatch.setitem(hookspecs.DEPRECATED, "Loss.needs", "write Loss.reads")
    install_plugin(OLD.replace('        needs = frozenset({"logits"})\n', ""))
    with pytest.warns(
        DeprecationWarning, match="Loss.needs"
    ):  # of our own losses, which say what they need
        plugins = discover()
    assert "acme" not in {remark.distribution for remark in plugins.remarks}


def test_warnings_asked_to_be_errors_stay_the_plugins_own(install_plugin, monkeypatch, recwarn):
    import warnings

    monkeypatch.setitem(hookspecs.DEPRECATED, "mfclip_losses", "write mfclip_terms")
    install_plugin(OLD)
    warnings.simplefilter("error", DeprecationWarning)
    (broken, *_) = [b for b in discover().broken if b.distribution == "acme"]
    assert broken.reason.startswith("DeprecationWarning: mfclip_losses is deprecated")
