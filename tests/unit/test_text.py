"""Text from elsewhere, made safe to show."""

import pytest

from mfclip.text import markdown, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("faces/ä b.png", "faces/ä b.png"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("a\nb\tc\0", r"a\nb\tc\x00"),
        ("safe\u202egpj.exe", r"safe\u202egpj.exe"),
        ("", ""),
    ],
)
def test_what_does_not_print_is_shown_as_an_escape(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("MFCLIP small, 128 px", "MFCLIP small, 128 px"),
        ("# a\n## b", r"\# a \#\# b"),
        ("<b>&lt;", r"\<b\>\&lt;"),
        ("a|b *c* [d](e)", r"a\|b \*c\* \[d\](e)"),
    ],
)
def test_markup_is_plain_text(text, shown):
    assert markdown(text) == shown
