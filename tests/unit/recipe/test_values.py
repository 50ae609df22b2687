"""pydantic's findings in the words of a recipe."""

from __future__ import annotations

import math
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from mfclip.recipe.values import loose_values, with_absolute_paths, wrong_values


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int


class Checked(BaseModel):
    one: int = 0

    @field_validator("one")
    @classmethod
    def _small(cls, value: int) -> int:
        if value > 8:
            raise AssertionError("is\ntoo large")
        if value > 5:
            raise ValueError("must be at most 5")
        return value


def said(schema: type[BaseModel], values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        schema.model_validate(values)
    return {".".join(map(str, path)): text for path, text in wrong_values(caught.value, values)}


FIELDS: list[tuple[Any, Any, dict[str, str]]] = [
    (int | str, [], {"x": "should be a whole number or text in quotes, got []"}),
    (int | list[int], "a", {"x": "should be a whole number or a list, got 'a'"}),
    (
        float | tuple[float, float],
        [1.0, "a"],
        {
            "x": "should be a number, got [1.0, 'a']",
            "x.1": "should be a number, got 'a'",
        },
    ),
    (tuple[int, int], [1, 2, 3], {"x": "should have at most 2 items, got [1, 2, 3]"}),
    (Annotated[list[int], Field(min_length=1)], [], {"x": "should have at least 1 item, got []"}),
    (Annotated[str, Field(min_length=2)], "a", {"x": "should have at least 2 characters, got 'a'"}),
    (Colour, "blu", {"x": "should be 'red' or 'blue', got 'blu'; did you mean 'blue'?"}),
    (Literal["a", 1], "b", {"x": "should be 'a' or 1, got 'b'"}),
    (dict[str, int], {"k": "v"}, {"x.k": "should be a whole number, got 'v'"}),
    (
        dict[str, Inner],
        {"k": {"sise": 1}},
        {
            "x.k.size": "is missing",
            "x.k.sise": "unknown key 'sise'",
        },
    ),
    (list[Inner], [{"size": 1}, 2], {"x.1": "should be a table, got 2"}),
    (Inner | None, {"size": "a"}, {"x.size": "should be a whole number, got 'a'"}),
    (Annotated[int, Field(multiple_of=2)], 3, {"x": "should be a multiple of 2, got 3"}),
    (Path, [1], {"x": "should be a path in quotes, got [1]"}),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), FIELDS)
def test_findings_of_a_field(annotation, value, expected):
    schema = create_model("Holder", x=(annotation, ...))
    assert said(schema, {"x": value}) == expected


def test_findings_of_validators_say_what_they_say():
    assert said(Checked, {"one": 7}) == {"one": "must be at most 5, got 7"}
    assert said(Checked, {"one": 9}) == {"one": "is too large, got 9"}


LOOSE = [
    (int, True, "should be a whole number, got true"),
    (int, "3", "should be a whole number, got '3'"),
    (float | None, "1e-4", "should be a number, got '1e-4'"),
    (float, True, "should be a number, got true"),
    (bool, 0, "should be true or false, got 0"),
    (bool, "on", "should be true or false, got 'on'"),
    (int, 3, None),
    (float, 3, None),
    (bool, False, None),
    (int | str, "3", None),
    (int | bool, True, None),
    (str, "3", None),
    (Any, True, None),
    (float, math.inf, None),
    (float, math.nan, "should be a number, got nan"),
    (Any, math.nan, "should be a number, got nan"),
    (int, 2**63 - 1, None),
    (int, 2**63, f"should be a number of at most 64 bits, got {2**63}"),
    (int, "224px", None),  # a validator of the schema's own may read it
]


@pytest.mark.parametrize(("annotation", "raw", "expected"), LOOSE)
def test_values_that_pydantic_would_take_as_another_type(annotation, raw, expected):
    found = list(loose_values(raw, annotation, ("x",)))
    assert found == ([(("x",), expected)] if expected else [])


def test_loose_values_in_lists_have_their_position():
    assert [path for path, _ in loose_values([1, "2", True], tuple[int, ...], ("x",))] == [
        ("x", 1),
        ("x", 2),
    ]


def test_odd_numbers_are_found_at_any_depth():
    raw = {"a": {"b": [1, math.nan]}, "c": 2**70}
    found = [path for path, _ in loose_values(raw, dict[str, Any], ("x",))]
    assert found == [("x", "a", "b", 1), ("x", "c")]


def test_an_integer_that_python_will_not_write_is_told_by_its_bits():
    ((_, message),) = loose_values(16**5000, int, ("x",))
    assert message == "should be a number of at most 64 bits, got a number of 20001 bits"


def test_the_home_of_nobody_is_a_plain_name():
    assert with_absolute_paths("~nobody_at_all/x", Path, Path("/r")) == "/r/~nobody_at_all/x"


def test_absolute_paths(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    folder = Path("/recipes/mine")
    kind = tuple[Path, ...] | None

    def absolute(value: Any, annotation: Any = kind, start: Path | None = folder) -> Any:
        return with_absolute_paths(value, annotation, start)

    assert absolute(["a", "../b", "/c", "~/d"]) == [
        "/recipes/mine/a",
        "/recipes/b",
        "/c",
        "/home/me/d",
    ]
    assert absolute("a", start=None) == "a"
    assert absolute("a", annotation=str) == "a"
    assert absolute(3) == 3
