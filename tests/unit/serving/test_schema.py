"""The service keeps to its own OpenAPI description, whatever is sent to it."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from starlette.testclient import TestClient

from mfclip.serving.app import create_app
from mfclip.serving.limits import Limits
from mfclip.serving.tokens import read_tokens

OPERATIONS = [
    *[("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/v1/models")],
    *[("POST", path) for path in ("/v1/score", "/v1/explain", "/v1/video")],
    *[(method, "/v1/video/{job}") for method in ("GET", "DELETE")],
]
MUST_BE_REFUSED = schemathesis.checks.negative_data_rejection
MAY_BE_REFUSED = [schemathesis.checks.positive_data_acceptance]
"""Bytes that are no image, and a threshold that the detector does not have, fit the description."""


TOKEN = "a-token-of-some-length"
CASES = [
    *[(GenerationMode.POSITIVE, *operation) for operation in OPERATIONS],
    *[(GenerationMode.NEGATIVE, *operation) for operation in OPERATIONS if operation[0] == "POST"],
]
"""The others take nothing that could be wrong."""


@pytest.fixture(scope="module", params=["open", "guarded"])
def api(models, request, tmp_path_factory):
    tokens = None
    if request.param == "guarded":
        file = tmp_path_factory.mktemp("tokens") / "tokens"
        file.write_text(TOKEN)
        tokens = read_tokens(file)
    app = create_app(models, Limits(max_files=8, timeout=20), tokens=tokens, host="localhost")
    with TestClient(app):  # its threads run while the schema is tried out
        yield schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "localhost"})


@pytest.mark.parametrize(("mode", "method", "path"), CASES)
def test_the_description_is_kept_to(api, mode, method, path):
    headers = {"Host": "localhost"}
    if mode is GenerationMode.POSITIVE:
        headers["Authorization"] = f"Bearer {TOKEN}"

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def check(case):
        excluded = [*MAY_BE_REFUSED, *([MUST_BE_REFUSED] if breaks_the_body(case) else [])]
        case.call_and_validate(excluded_checks=excluded, headers=headers)

    check()


def breaks_the_body(case) -> bool:
    """In a form a number is bytes like any others: a file, which has the status of no image."""
    body = case.meta.components.get(ParameterLocation.BODY)
    return body is not None and body.mode is GenerationMode.NEGATIVE


def test_every_path_is_described(api):
    described = [found.ok() for found in api.get_all_operations()]
    assert {(one.method.upper(), one.path) for one in described} == set(OPERATIONS)


def test_answers_have_examples(api):
    shown = api.raw_schema["components"]["schemas"]
    for name in ("Problem", "FaceAnswer", "ImageAnswer", "PointAnswer"):
        assert shown[name]["examples"], name
