"""Whose a part is can be told from what is installed, without importing anything."""

from __future__ import annotations

import importlib
import sys

from mfclip.plugins.discovery import discover
from mfclip.plugins.owners import owner_of


def test_a_shipped_part_is_ours():
    schema = discover().get("encoder", "cvit").schema
    owner = owner_of(schema)
    assert (owner.name, owner.distribution) == ("mfclip_vision", "mfclip")


def test_a_class_of_nobodys_plugin_has_no_owner():
    class Mine:
        pass

    assert owner_of(Mine) is None
    assert owner_of(int) is None


def test_a_part_that_the_distribution_keeps_in_another_package(install_plugin):
    site = install_plugin("x = 1", distribution="acme_encoder", version="2.0")
    (site / "acme_models.py").write_text("class Model: pass\n")
    (record,) = site.glob("*.dist-info/METADATA")
    record.with_name("RECORD").write_text("acme_models.py,,\nacme_plugin.py,,\n")
    model = importlib.import_module("acme_models").Model
    owner = owner_of(model)
    assert (owner.distribution, owner.version) == ("acme_encoder", "2.0")
    assert "acme_plugin" not in sys.modules
