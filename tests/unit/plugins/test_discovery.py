"""Plugins are found one by one, and no broken one stops the others."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from mfclip.errors import PluginError
from mfclip.parts import KINDS
from mfclip.plugins.discovery import Plugins, discover

ACME = """
    from typing import Literal
    from mfclip import hookimpl
    from mfclip.parts import Encoder, ImageEncoder

    class AcmeVit(ImageEncoder):
        '''An encoder of a third party.'''
        use: Literal["acme-vit"] = "acme-vit"
        dim: int = 8

        @property
        def width(self):
            return self.dim

        def build(self, context):
            raise NotImplementedError

    {hooks}
"""
SOUND = """
    @hookimpl
    def mfclip_encoders():
        return [AcmeVit]
"""


def acme(hooks: str = SOUND, **more: str) -> str:
    """Source of a plugin module with these hooks."""
    return ACME.replace("    {hooks}\n", hooks)


def of(distribution: str, plugins: Plugins) -> list[str]:
    """Why the plugins of a distribution are broken."""
    return [b.reason for b in plugins.broken if b.distribution == distribution]


def only_reason(plugins: Plugins, distribution: str = "acme") -> str:
    (reason,) = of(distribution, plugins)
    return reason


def test_a_third_party_part_is_on_offer_under_its_owner(install_plugin):
    install_plugin(acme())
    plugins = discover()
    offer = plugins.get("encoder", "acme-vit")
    assert offer is not None
    assert (offer.plugin, offer.distribution, offer.version) == ("acme", "acme", "0.1")
    assert offer.schema(use="acme-vit").width == 8
    assert of("acme", plugins) == []
    assert plugins.get("loss", "acme-vit") is None


def test_the_shipped_plugins_all_load():
    plugins = discover()
    assert plugins.broken == plugins.remarks == ()
    assert {offer.distribution for offer in plugins.offers} == {"mfclip"}
    assert {offer.kind for offer in plugins.offers} <= set(KINDS)
    plugins.require_all()


def test_offers_do_not_depend_on_an_earlier_call(install_plugin):
    first = discover()
    install_plugin(acme())
    second = discover()
    assert len(second.offers) == len(first.offers) + 1
    assert discover() == second


@pytest.mark.parametrize("written", ["acme-parts", "Acme_Parts", "ACME.parts"])
def test_a_disabled_distribution_is_not_even_imported(install_plugin, written):
    install_plugin("raise RuntimeError('imported')", distribution="acme-parts", plugin="acme")
    plugins = discover(disabled=[written])
    assert of("acme-parts", plugins) == []
    assert plugins.disabled == ("acme-parts",)
    assert "acme_plugin" not in sys.modules


def test_only_allowed_distributions_and_our_own_are_loaded(install_plugin):
    install_plugin(acme(), distribution="Acme_Parts", plugin="acme")
    install_plugin("raise RuntimeError('imported')", distribution="beta", plugin="beta")
    plugins = discover(allowed=["acme-parts"])
    assert {o.distribution for o in plugins.offers} == {"mfclip", "Acme_Parts"}
    assert (plugins.broken, plugins.disabled) == ((), ("beta",))
    assert "beta_plugin" not in sys.modules
    assert {o.distribution for o in discover(allowed=()).offers} == {"mfclip"}
    nobody = discover(allowed=["acme-parts"], disabled=["acme-parts", "mfclip"])
    assert (nobody.offers, nobody.broken) == ((), ())


def test_another_group_is_left_alone(install_plugin):
    install_plugin("raise RuntimeError", entry_points="[other]\nacme = acme_plugin\n")
    assert of("acme", discover()) == []
    assert only_reason(discover(group="other")).startswith("RuntimeError")


BROKEN = {
    "missing dependency": (
        "import not_there",
        "ModuleNotFoundError: No module named 'not_there'",
    ),
    "error at import": (
        "x = 1\nx = {}['missing']",
        "KeyError: 'missing' (acme_plugin.py:2)",
    ),
    "exit at import": ("raise SystemExit(3)", "SystemExit: 3 (acme_plugin.py:1)"),
    "misspelt hook with marker": (
        acme("\n    @hookimpl\n    def mfclip_encoder():\n        return [AcmeVit]\n"),
        "no hook is called 'mfclip_encoder'; did you mean 'mfclip_encoders'?",
    ),
    "misspelt hook without marker": (
        acme("\n    def mfclip_encoder():\n        return [AcmeVit]\n"),
        "no hook is called 'mfclip_encoder'; did you mean 'mfclip_encoders'? "
        "Hooks carry the marker @hookimpl; other functions want another name",
    ),
    "hook under another name": (
        acme("\n    @hookimpl\n    def encoders():\n        return [AcmeVit]\n"),
        "no hook is called 'encoders'; did you mean 'mfclip_encoders'?",
    ),
    "forgotten marker": (
        acme("\n    def mfclip_encoders():\n        return [AcmeVit]\n"),
        "'mfclip_encoders' lacks the marker @hookimpl, so it is never called; write "
        "`from mfclip import hookimpl` and `@hookimpl` above the function",
    ),
    "offers nothing": (
        "x = 1",
        "it offers nothing; at least one @hookimpl function of these returns parts: "
        "mfclip_encoders, mfclip_prompts, mfclip_alignments, mfclip_losses, mfclip_detectors, "
        "mfclip_datasets, mfclip_corruptions, mfclip_inputs, mfclip_pseudo_fakes, mfclip_locators",
    ),
    "hook raises": (
        acme("\n    @hookimpl\n    def mfclip_encoders():\n        raise OSError('no disk')\n"),
        "mfclip_encoders raised OSError: no disk (acme_plugin.py:21)",
    ),
    "returns None": (
        acme("\n    @hookimpl\n    def mfclip_encoders():\n        [AcmeVit]\n"),
        "mfclip_encoders returned None; it must return a list of part classes",
    ),
    "returns a dict": (
        acme("\n    @hookimpl\n    def mfclip_encoders():\n        return {'a': AcmeVit}\n"),
        "mfclip_encoders returned a value of type dict; it must return a list of part classes",
    ),
    "returns a class": (
        acme("\n    @hookimpl\n    def mfclip_encoders():\n        return AcmeVit\n"),
        "mfclip_encoders returned the class AcmeVit; it must return a list of part classes",
    ),
    "returns an instance": (
        acme("\n    @hookimpl\n    def mfclip_encoders():\n        return [AcmeVit()]\n"),
        "mfclip_encoders returned a list with a value of type AcmeVit in it; list the classes",
    ),
    "no part": (
        acme("\n    @hookimpl\n    def mfclip_encoders():\n        return [dict]\n"),
        "mfclip_encoders offers dict, which is no subclass of mfclip.parts.Part",
    ),
    "wrong kind": (
        acme("\n    @hookimpl\n    def mfclip_losses():\n        return [AcmeVit]\n"),
        "mfclip_losses offers AcmeVit, which is no subclass of mfclip.parts.Loss; "
        "offer it through mfclip_encoders",
    ),
    "abstract": (
        acme(SOUND).replace("def build(self", "def construct(self"),
        "AcmeVit does not define build",
    ),
    "no name": (
        acme(SOUND).replace('use: Literal["acme-vit"] = "acme-vit"', "tag: int = 1"),
        'AcmeVit needs one name: `use: Literal["its-name"] = "its-name"`',
    ),
    "two names": (
        acme(SOUND).replace('Literal["acme-vit"]', 'Literal["acme-vit", "acme"]'),
        'AcmeVit needs one name: `use: Literal["its-name"] = "its-name"`',
    ),
    "name without default": (
        acme(SOUND).replace(' = "acme-vit"', ""),
        'AcmeVit needs its name as default: `use: ... = "acme-vit"`',
    ),
    "odd name": (
        acme(SOUND).replace("acme-vit", "Acme ViT"),
        "AcmeVit has the name 'Acme ViT'; names are lower-case, like 'acme-vit'",
    ),
    "unknown type in the schema": (
        acme(SOUND).replace("dim: int = 8", 'dim: int = 8\n        more: "Nowhere" = None'),
        "AcmeVit is no usable schema: PydanticUndefinedAnnotation: name 'Nowhere' is not defined",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_explained_and_harms_nobody(install_plugin, case):
    source, reason = BROKEN[case]
    shipped = discover().offers
    install_plugin(source)
    plugins = discover()
    assert only_reason(plugins) == reason
    assert plugins.offers == shipped
    with pytest.raises(PluginError, match=r"^plugin 'acme' \(acme 0\.1\) did not load: "):
        plugins.require_all()


def test_a_hook_with_arguments_is_refused_with_both_signatures(install_plugin):
    source = acme("\n    @hookimpl\n    def mfclip_encoders(config):\n        return [AcmeVit]\n")
    install_plugin(source)
    reason = only_reason(discover())
    assert reason.startswith("PluginValidationError: Plugin 'acme' for hook 'mfclip_encoders'")
    assert "{'config'}" in reason


def test_a_syntax_error_names_file_and_line(install_plugin):
    install_plugin("def broken(:\n    pass\n")
    assert only_reason(discover()).startswith("SyntaxError: invalid syntax (acme_plugin.py, line 1")


def test_what_is_sound_in_a_plugin_stays_on_offer(install_plugin):
    misspelt = "\n    @hookimpl\n    def mfclip_loses():\n        return []\n"
    install_plugin(acme(SOUND + misspelt))
    plugins = discover()
    assert plugins.get("encoder", "acme-vit") is not None
    (broken,) = plugins.broken
    assert str(broken) == (
        "plugin 'acme' (acme 0.1) works only in part: "
        "no hook is called 'mfclip_loses'; did you mean 'mfclip_losses'? (next step: tell the "
        "author of acme; until then switch it off in a registry file: [plugins] "
        'disabled = ["acme"])'
    )


def test_names_that_look_like_hooks_but_are_not_meant_as_such(install_plugin):
    imports = "\n    import mfclip_tools\n    from mfclip_tools import mfclip_helper\n"
    later = (
        "\n    @hookimpl(optionalhook=True)\n    def mfclip_of_the_future():\n        return []\n"
    )
    helper = {"mfclip_tools.py": "def mfclip_helper():\n    pass\n"}
    install_plugin(acme(imports + SOUND + later), files=helper)
    plugins = discover()
    assert of("acme", plugins) == []
    assert plugins.get("encoder", "acme-vit") is not None


def test_a_hook_may_have_a_name_of_its_own(install_plugin):
    named = """
    @hookimpl(specname="mfclip_encoders")
    def all_of_ours():
        return (AcmeVit,)
"""
    install_plugin(acme(named))
    plugins = discover()
    assert plugins.get("encoder", "acme-vit") is not None
    assert of("acme", plugins) == []


def test_a_taken_part_name_stays_with_the_first_and_both_owners_are_named(install_plugin):
    install_plugin(acme(), distribution="acme", plugin="a-acme")
    install_plugin(acme(), distribution="beta", version="2", plugin="b-beta")
    plugins = discover()
    offer = plugins.get("encoder", "acme-vit")
    assert offer is not None
    assert offer.distribution == "acme"
    assert only_reason(plugins, "beta") == (
        "the encoder name 'acme-vit' belongs to plugin 'a-acme' (acme 0.1) already; uninstall "
        'one of the two, or switch it off in a registry file: [plugins] disabled = ["beta"]'
    )
    assert discover(disabled=["acme"]).get("encoder", "acme-vit").distribution == "beta"


def test_no_third_party_takes_the_name_of_a_shipped_part(install_plugin):
    install_plugin(acme().replace("acme-vit", "cvit"), plugin="a-first-in-order")
    plugins = discover()
    assert plugins.get("encoder", "cvit").distribution == "mfclip"
    assert "'cvit' belongs to plugin 'mfclip_vision' (mfclip " in only_reason(plugins)


def test_a_part_offered_twice_by_one_plugin_counts_once(install_plugin):
    install_plugin(acme(SOUND.replace("[AcmeVit]", "[AcmeVit, AcmeVit]")))
    plugins = discover()
    assert plugins.get("encoder", "acme-vit") is not None
    reason = "the encoder name 'acme-vit' is offered twice by it; only the first counts"
    assert only_reason(plugins) == reason


def test_one_name_may_serve_two_kinds(install_plugin):
    loss = """
    from mfclip.parts import Loss

    class AcmeLoss(Loss):
        use: Literal["acme-vit"] = "acme-vit"
        def build(self, context):
            raise NotImplementedError

    @hookimpl
    def mfclip_losses():
        return [AcmeLoss]
"""
    install_plugin(acme(SOUND + loss))
    plugins = discover()
    assert of("acme", plugins) == []
    assert plugins.get("loss", "acme-vit") is not plugins.get("encoder", "acme-vit")
    assert [o.name for o in plugins.of_kind("loss")].count("acme-vit") == 1


def test_a_taken_plugin_name_is_refused(install_plugin):
    install_plugin(acme(), distribution="acme", plugin="vit")
    install_plugin(acme(), distribution="beta", plugin="vit", module="beta_plugin")
    reason = only_reason(discover(), "beta")
    assert reason.startswith("the plugin name belongs to plugin 'vit' (acme 0.1) already")


def test_a_damaged_entry_point_file_is_reported_and_harms_nobody(install_plugin):
    install_plugin("x = 1", distribution="damaged", entry_points="[mfclip]\nno equals sign\n")
    install_plugin(acme())
    plugins = discover()
    assert only_reason(plugins, "damaged").startswith("its entry_points.txt cannot be read: ")
    assert plugins.get("encoder", "acme-vit") is not None


def test_a_distribution_without_a_name_is_reported_as_unknown(install_plugin):
    site = install_plugin("import not_there")
    (site / "acme-0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\n")
    assert only_reason(discover(), "unknown").startswith("ModuleNotFoundError")


def test_an_older_copy_further_down_the_path_is_ignored(install_plugin):
    install_plugin("raise RuntimeError('old')", version="0.1", plugin="old")
    install_plugin(acme(), version="0.2", plugin="new")
    plugins = discover()
    assert of("acme", plugins) == []
    assert plugins.get("encoder", "acme-vit").version == "0.2"


def test_an_installation_without_its_own_entry_points_says_so(monkeypatch):
    monkeypatch.setattr("importlib.metadata.distributions", lambda: iter(()))
    (broken,) = discover().broken
    assert broken.distribution == "mfclip"
    assert broken.reason == (
        "it has no entry points, so no shipped part is on offer; install mfclip again"
    )
    assert discover(disabled=["mfclip"]).broken == ()


def test_discovery_is_fast_once_modules_are_loaded():
    discover()
    start = time.process_time()
    discover()
    assert time.process_time() - start < 0.05


HEAVY = ("torch", "torchvision", "transformers", "sklearn", "matplotlib", "numpy", "PIL")


def test_a_fresh_process_discovers_and_reads_a_recipe_without_heavy_imports(tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('recipe = 1\nassembly = "mfclip"\n')
    code = f"""
import sys
from pathlib import Path
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe
from mfclip.recipe.render import to_toml
from mfclip.recipe.schema import json_schema
from mfclip.recipe.registry import read_registry
registry = read_registry()
plugins = discover(disabled=registry.disabled)
recipe = read_recipe(Path({str(recipe)!r}), plugins=plugins, registry=registry)
assert len(recipe.loss) == 3
to_toml(recipe), json_schema(plugins, registry)
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
