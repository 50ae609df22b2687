"""Whatever a plugin does while it loads stays its own affair, and is told once."""

from __future__ import annotations

import json
import sys
import warnings

import pytest

from mfclip.errors import PluginError
from mfclip.plugins import loading as plugin_loading
from mfclip.plugins.discovery import discover

PART = """
    from typing import Literal
    from mfclip import ImageEncoder, hookimpl

    class AcmeVit(ImageEncoder):
        '''An encoder of a third party.'''
        use: Literal["acme-vit"] = "acme-vit"

        @property
        def width(self):
            return 8

        def build(self, context):
            raise NotImplementedError

    @hookimpl
    def mfclip_encoders():
        return [AcmeVit]
"""
AT_IMPORT = {
    "endless recursion": (
        "def f():\n    f()\nf()",
        "RecursionError: maximum recursion depth exceeded",
    ),
    "exit": ("import sys\nsys.exit('no licence')", "SystemExit: no licence (acme_plugin.py:2)"),
    "no exception but a BaseException": (
        "class Panic(BaseException): pass\nraise Panic('in Rust')",
        "Panic: in Rust (acme_plugin.py:2)",
    ),
    "an error that cannot be printed": (
        "class Mute(Exception):\n    def __str__(self): raise KeyError\nraise Mute",
        "Mute: (its text cannot be had: KeyError) (acme_plugin.py:3)",
    ),
    "no memory": ("raise MemoryError", "MemoryError (acme_plugin.py:1)"),
    "an error without words": ("assert False", "AssertionError (acme_plugin.py:1)"),
    "a module that does not answer": (
        "def __dir__(): raise OSError('no names')",
        "OSError: no names (acme_plugin.py:1)",
    ),
    "a hook that exits": (
        PART.replace("return [AcmeVit]", "raise SystemExit(3)"),
        "mfclip_encoders raised SystemExit: 3 (acme_plugin.py:18)",
    ),
}


@pytest.mark.parametrize("case", AT_IMPORT)
def test_nothing_that_happens_at_import_gets_through(install_plugin, case):
    source, reason = AT_IMPORT[case]
    shipped = discover().offers
    install_plugin(source)
    plugins = discover()
    (broken,) = plugins.broken
    assert broken.reason.startswith(reason)
    assert broken.next_step.startswith("tell the author of acme; until then switch it off")
    assert plugins.offers == shipped


def test_ctrl_c_gets_through(install_plugin):
    install_plugin("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover()


def test_ctrl_c_in_a_hook_gets_through(install_plugin):
    install_plugin(PART.replace("return [AcmeVit]", "raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        discover()


STEPS = {
    "import not_there.more": "install what has the module 'not_there', or switch it off",
    "from mfclip.parts import Transformer": "pip install --upgrade mfclip acme, or switch it off",
    "import mfclip.gone": "pip install --upgrade mfclip acme, or switch it off",
}


@pytest.mark.parametrize("source", STEPS)
def test_a_failing_import_comes_with_what_to_install(install_plugin, source):
    install_plugin(source)
    (broken,) = discover().broken
    assert broken.next_step.startswith(STEPS[source])


def test_a_slow_import_is_reported_and_its_parts_are_on_offer(install_plugin, monkeypatch):
    monkeypatch.setattr(plugin_loading, "SLOW", 0.2)
    helper = {"acme_heavy.py": "import time\ntime.sleep(0.25)\n"}
    install_plugin("    import acme_heavy\n" + PART, distribution="acme-encoder", files=helper)
    plugins = discover()
    assert plugins.get("encoder", "acme-vit") is not None
    assert plugins.broken == ()
    (remark,) = plugins.remarks
    assert "plugin 'acme' (acme-encoder 0.1) works, but it takes 0.2" in str(remark)
    assert "it imports acme_heavy (1 modules): do so inside build()" in remark.reason
    assert remark.next_step.startswith("tell the author of acme-encoder")
    (loaded,) = [one for one in plugins.loaded if one.distribution == "acme-encoder"]
    assert loaded.seconds > 0.25
    with pytest.raises(PluginError, match="works, but it takes"):
        plugins.require_all()


def test_what_is_loaded_already_costs_a_plugin_nothing(install_plugin, monkeypatch):
    monkeypatch.setattr(plugin_loading, "SLOW", 0.2)
    helper = {"acme_heavy.py": "import time\ntime.sleep(0.25)\n"}
    source = "    import acme_heavy\n" + PART
    install_plugin(source, plugin="a", files=helper)
    install_plugin(source.replace("acme-vit", "b-vit"), plugin="b", distribution="beta")
    assert [remark.name for remark in discover().remarks] == ["a"]
    assert discover().remarks == (), "the second time, all of it is there"


def test_our_own_plugins_are_timed_too(monkeypatch):
    monkeypatch.setattr(plugin_loading, "SLOW", 0.0)
    plugins = discover()
    assert {remark.distribution for remark in plugins.remarks} == {"mfclip"}
    assert len(plugins.remarks) == len(plugins.loaded) > 3
    assert plugins.remarks[0].next_step == "report it to the authors of mfclip"


def test_what_a_plugin_prints_does_not_spoil_the_output(install_plugin, capsys):
    loud = "    print('loading AcmeNet …')\n    import sys; sys.stdout.reconfigure()\n"
    install_plugin(loud.replace("sys.stdout.reconfigure()", "sys.stdout.flush()") + PART)
    plugins = discover()
    print(json.dumps({"parts": len(plugins.offers)}))
    said = capsys.readouterr()
    assert json.loads(said.out) == {"parts": len(plugins.offers)}
    assert said.err == "loading AcmeNet …\n"
    (remark,) = plugins.remarks
    assert remark.reason.startswith("it prints while it loads ('loading AcmeNet …')")
    assert plugins.get("encoder", "acme-vit") is not None


def test_a_handler_made_at_import_keeps_working_afterwards(install_plugin, capsys):
    install_plugin("    import sys\n    out = sys.stdout\n    out.isatty(), out.encoding\n" + PART)
    assert discover().remarks == ()
    sys.modules["acme_plugin"].out.write("later\n")
    assert capsys.readouterr().err == "later\n"


def test_warning_filters_of_a_plugin_are_set_back(install_plugin):
    install_plugin("    import warnings\n    warnings.simplefilter('error')\n" + PART)
    before = list(warnings.filters)
    assert discover().broken == ()
    assert warnings.filters == before


def test_a_warning_at_import_is_no_fault(install_plugin):
    install_plugin("    import warnings\n    warnings.warn('old')\n" + PART)
    with pytest.warns(UserWarning, match="old"):
        plugins = discover()
    assert plugins.broken == plugins.remarks == ()


def test_one_bad_plugin_of_each_kind_at_once_leaves_a_good_one_alone(install_plugin):
    for number, (source, _) in enumerate(AT_IMPORT.values()):
        install_plugin(source, distribution=f"bad{number}", plugin=f"bad{number}")
    install_plugin(PART, distribution="zeta", plugin="zeta")
    plugins = discover()
    assert len(plugins.broken) == len(AT_IMPORT) == 8
    assert plugins.get("encoder", "acme-vit").distribution == "zeta"
