"""The OpenAPI document is complete, and describes the operations for people and for generators of clients."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.factory import create_app
from app.runs.store.states import STATES
from app.settings import Settings
from tests.app.openapi import APP, DOCUMENT, OPERATIONS, operation

SCHEMAS = DOCUMENT["components"]["schemas"]


def answer_of(method: str, path: str, code: int) -> dict[str, Any]:
    """Return the schema of an answer and resolve its reference."""
    schema = operation(method, path)["responses"][str(code)]["content"]["application/json"]["schema"]
    return dict(SCHEMAS[schema["$ref"].rpartition("/")[2]]) if "$ref" in schema else schema


def test_the_document_describes_exactly_the_routes() -> None:
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in APP.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    api = {each for each in routes if each[1] in ("/ping", "/metrics") or each[1].startswith("/training")}
    assert api == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_is_described_for_people(method: str, path: str) -> None:
    described = operation(method, path)
    assert len(described["summary"].split()) > 2
    assert len(described["tags"]) == 1
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", described["operationId"])
    parameters = described.get("parameters", []) + DOCUMENT["paths"][path].get("parameters", [])
    assert {p["name"] for p in parameters if p["in"] == "path"} == set(re.findall(r"{(\w+)}", path))
    assert all(parameter.get("description") for parameter in parameters)
    assert all(answer.get("description") or "$ref" in answer for answer in described["responses"].values())


def test_operation_ids_are_unique() -> None:
    names = [operation(method, path)["operationId"] for method, path in OPERATIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if each[1] != "/ping"])
def test_every_error_is_described_in_the_one_shape(method: str, path: str) -> None:
    codes = {int(code) for code in operation(method, path)["responses"] if code.isdecimal()}
    assert {401, 403} <= codes
    for code in codes:
        if code >= 400:
            assert {"code", "status", "message", "errors"} <= set(answer_of(method, path, code)["required"])
    if "{" in path:
        assert 404 in codes


def test_each_operation_describes_its_status_codes() -> None:
    expected = {
        ("post", "/training/start"): {200, 202, 400, 404, 409, 413, 422, 500, 507},
        ("post", "/training/stop"): {200, 202, 400, 409, 413, 422},
        ("delete", "/training/models/{run_id}"): {200, 403, 404, 409, 422},
        ("get", "/training/models/{run_id}/download"): {200, 206, 304, 404, 409, 412, 416, 422},
        ("get", "/training/datasets/{name}"): {200, 202, 404, 422},
        ("get", "/training/metrics/runs/{run_id}"): {200, 304, 404, 422},
        ("get", "/training/metrics/runs/{run_id}/summary"): {200, 304, 404, 422},
        ("get", "/training/runs/{run_id}/report"): {200, 404, 422},
        ("get", "/training/runs/{run_id}/artifacts/{path}"): {200, 206, 304, 404, 412, 416},
    }
    for each, codes in expected.items():
        described = {int(code) for code in operation(*each)["responses"] if code.isdecimal()}
        assert described == codes | {401, 403, 408, 414, 431, 503}, each


def test_the_additional_fields_of_some_errors_are_described() -> None:
    conflict = answer_of("post", "/training/start", 409)
    assert {"pid", "run_id"} <= set(conflict["required"])
    assert conflict["properties"]["status"]["enum"] == ["running", "queued"]
    assert "run_id" in answer_of("post", "/training/start", 500)["properties"]
    for code in (404, 409):
        assert {"success", "error"} <= set(answer_of("delete", "/training/models/{run_id}", code)["required"])
    assert "success" in answer_of("delete", "/training/models/{run_id}", 403)["properties"]
    for path in ("/training/metrics/latest", "/training/metrics/runs/{run_id}"):
        assert "csv_file" in answer_of("get", path, 422)["properties"]


def test_request_bodies_are_described_with_their_limits() -> None:
    assert operation("post", "/training/start")["requestBody"]["required"] is True
    assert operation("post", "/training/stop")["requestBody"]["required"] is False
    start = SCHEMAS["StartRequest"]
    assert start["additionalProperties"] is False
    assert start["properties"]["config_name"]["maxLength"] == 255
    assert SCHEMAS["StopRequest"]["properties"]["mode"] == {
        "type": "string",
        "enum": ["save", "discard"],
        "default": "save",
        "description": SCHEMAS["StopRequest"]["properties"]["mode"]["description"],
    }


def test_nullable_fields_are_described() -> None:
    status = SCHEMAS["ServiceStatus"]
    assert set(status["required"]) == set(status["properties"])
    may_be_null = {name for name, field in status["properties"].items() if "null" in types_of(field)}
    assert may_be_null == {"pid", "run_id", "title", "state", "config_name", "progress", "started_at", "last_run"}
    assert status["properties"]["state"]["enum"] == [*STATES, None]
    assert {"$ref": "#/components/schemas/LastRun"} in status["properties"]["last_run"]["anyOf"]
    assert {"$ref": "#/components/schemas/Progress"} in status["properties"]["progress"]["anyOf"]


def types_of(schema: dict[str, Any]) -> set[str]:
    """Return the types that a value may have, such as "string" and "null". "" means any type."""
    if "$ref" in schema:
        return {"object"}
    if "anyOf" in schema:
        return set().union(*map(types_of, schema["anyOf"]))
    types = schema.get("type", "")
    return {types} if isinstance(types, str) else set(types)


def parts_of(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property of the objects in a schema, with its path."""
    if isinstance(schema, dict):
        for name, part in schema.get("properties", {}).items():
            yield f"{path}.{name}", part
        for name, part in schema.items():
            yield from parts_of(part, f"{path}.{name}")


def test_every_property_has_a_type_that_a_generated_client_can_use() -> None:
    untyped = [path for path, part in parts_of(SCHEMAS) if "" in types_of(part)]
    assert not untyped
    # A generator would give the object and its only list the same name, which does not compile under strict types.
    snake = {name: re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower() for name in SCHEMAS}
    assert not [name for name, schema in SCHEMAS.items() if snake[name] in schema.get("properties", {})]


def test_every_component_is_used_and_every_reference_resolves() -> None:
    used = set(re.findall(r'"\$ref": "#/components/(\w+/\w+)"', json.dumps(DOCUMENT)))
    components = {f"{kind}/{name}" for kind, parts in DOCUMENT["components"].items() for name in parts}
    assert components - {"securitySchemes/token"} == used


def test_the_servers_url_is_relative_to_the_document() -> None:
    assert DOCUMENT["servers"] == [{"url": "."}]
    assert DOCUMENT["openapi"].startswith("3.1.")


@pytest.mark.parametrize(("token", "security"), [(None, [{"token": []}, {}]), ("secret", [{"token": []}])])
def test_the_token_is_described_as_required_or_optional(token: str | None, security: list[Any]) -> None:
    document = create_app(Settings(api_token=token), "threading").test_client().get("/openapi.json").get_json()
    assert document["security"] == security
    assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    assert document["paths"]["/ping"]["get"]["security"] == []
    assert all("security" not in document["paths"][path][method] for method, path in OPERATIONS if path != "/ping")


def test_the_described_token_is_required(tmp_path: Path) -> None:
    client = create_app(Settings(api_token="secret", runs_dir=tmp_path / "runs"), "threading").test_client()
    for method, path in OPERATIONS:
        answer = client.open(re.sub(r"{\w+}", "x", path), method=method.upper())
        if path != "/ping":
            assert answer.status_code == 401, (method, path)
            assert set(answer.get_json()) == {"code", "status", "message", "errors"}
