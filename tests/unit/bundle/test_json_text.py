"""JSON that all programs read alike, and nothing else."""

import pytest

from mfclip.bundle.json_text import DEEPEST, read_json
from mfclip.errors import BundleError

WRONG = {
    "a key twice": ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is there twice"),
    "nan": ('{"a": [NaN]}', "NaN is no number of JSON"),
    "infinity": ('{"a": -Infinity}', "-Infinity is no number of JSON"),
    "infinity in disguise": ('{"a": 1e999}', "1e999 is too large a number"),
    "deep": ('{"a": ' + "[" * 100_000, "nested too deeply"),
    "deep and closed": ('{"a": ' + "[" * DEEPEST + "]" * DEEPEST + "}", "nested too deeply"),
    "a huge number": ('{"a": ' + "9" * 5000 + "}", "Exceeds the limit"),
    "no object": ("[1]", "expected a JSON object"),
    "nothing": ("", "Expecting value"),
    "a byte order mark": ("\ufeff{}", "BOM"),
    "a raw control character": ('{"a": "\0"}', "Invalid control character"),
    "a colour in a key": ('{"\\u001b[31m": 1, "\\u001b[31m": 2}', r"'\\x1b\[31m' is there twice"),
}


@pytest.mark.parametrize("case", WRONG)
def test_other_texts_are_refused(case):
    text, message = WRONG[case]
    with pytest.raises(BundleError, match=f"^x.json is damaged: .*{message}"):
        read_json(text, "x.json")


def test_an_object_is_read():
    deepest = "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)
    found = read_json('{"a": 1, "b": [true, null],\r\n "c": ' + deepest + "}", "x.json")
    assert (found["a"], found["b"]) == (1, [True, None])
