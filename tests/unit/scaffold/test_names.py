from __future__ import annotations

import pytest

from mfclip.errors import UsageError
from mfclip.parts import Detector, ImageEncoder
from mfclip.plugins.discovery import Offer, Plugins
from mfclip.scaffold.names import LONGEST, LONGEST_PREFIX, check_free, parse_name


def offering(kind: str, name: str, distribution: str) -> Plugins:
    schema = ImageEncoder if kind == "encoder" else Detector
    return Plugins((Offer(kind, name, schema, "theirs", distribution, "1.2"),))


def refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_name(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "package", "prefix"),
    [
        ("acme-encoder", "acme_encoder", "acme"),
        ("acme", "acme", "acme"),
        ("b2b-face-parts-3", "b2b_face_parts_3", "b2b"),
        ("a" * 24 + "-b", "a" * 24 + "_b", "a" * 24),
    ],
)
def test_a_good_name_in_all_its_spellings(text, package, prefix):
    names = parse_name(text)
    assert (names.distribution, names.package, names.prefix) == (text, package, prefix)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("Acme_Encoder", "acme-encoder"),
        ("acme encoder", "acme-encoder"),
        ("acme--encoder", "acme-encoder"),
        ("-acme-", "acme"),
        ("../acme", "acme"),
        ("acme.encoder", "acme-encoder"),
        ("acme\n", "acme"),
    ],
)
def test_another_spelling_is_refused_with_the_right_one(text, near):
    assert refused(text).endswith(f"; did you mean '{near}'?")


@pytest.mark.parametrize("text", ["", " ", "3d-encoder", "-", "脸", "..", "!!!", "Class"])
def test_what_is_no_name_is_refused_with_an_example(text):
    message = refused(text)
    assert message.startswith(f"{text!r} is no name for a plugin: ")
    assert message.endswith(", as in 'acme-encoder'")


@pytest.mark.parametrize("text", ["class", "import", "lambda"])
def test_a_word_of_python_is_refused(text):
    assert f"add a word: '{text}-encoder'" in refused(text)
    assert parse_name(f"{text}-encoder").package == f"{text}_encoder"


def test_a_name_too_long_is_refused():
    assert f"at most {LONGEST} characters (got 41)" in refused("a-" + "b" * 39)
    assert f"its first word at most {LONGEST_PREFIX} (got 25)" in refused("a" * 25 + "-b")
    assert parse_name("a-" + "b" * 38)


@pytest.mark.parametrize("text", ["mfclip", "mfclip-vision", "mfclip-anything"])
def test_the_name_of_the_framework_is_its_own(text):
    with pytest.raises(UsageError, match="belong to the framework; begin with a word of your own"):
        check_free(parse_name(text), "encoder", "mfclip-residual", Plugins())


def test_a_prefix_of_shipped_parts_is_refused_and_names_them():
    shipped = offering("encoder", "clip-vit", "mfclip")
    with pytest.raises(UsageError, match=r"the prefix 'clip' is taken, .*: clip-vit; begin"):
        check_free(parse_name("clip-tools"), "loss", "clip-focal", shipped)
    check_free(parse_name("clipper-tools"), "loss", "clipper-focal", shipped)


def test_a_name_equal_to_a_shipped_part_is_refused():
    shipped = offering("encoder", "cvit", "mfclip")
    with pytest.raises(UsageError, match="the prefix 'cvit' is taken"):
        check_free(parse_name("cvit-more"), "loss", "cvit-focal", shipped)


def test_two_packages_may_share_a_prefix_but_no_part():
    theirs = offering("encoder", "acme-residual", "acme-first")
    check_free(parse_name("acme-second"), "detector", "acme-cnn", theirs)
    with pytest.raises(UsageError, match=r"belongs to plugin 'theirs' \(acme-first 1\.2\) already"):
        check_free(parse_name("acme-second"), "encoder", "acme-residual", theirs)


@pytest.mark.parametrize("text", ["json", "pytest", "torch"])
def test_a_package_that_can_be_imported_already_is_refused(text):
    with pytest.raises(UsageError, match=f"a package called '{text}' is installed already"):
        check_free(parse_name(text), "loss", f"{text}-focal", Plugins())
