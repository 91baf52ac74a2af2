"""Generated requests to a live server, and the check that each answer is as the OpenAPI document describes it.

Only the test imports this, because every process that collects tests would spend seconds on schemathesis.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlencode

import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from tests.app.openapi import DOCUMENT

EXAMPLES = 10
MAX_QUERY_CHARS = 7000
"""The server refuses longer queries with a 414."""
MAY_BE_IMPOSSIBLE = {"/training/start", "/training/check", "/training/models/{run_id}/predict"}
"""A valid request may be impossible there: its folder may be missing, or its file is no model or image."""


def explore(
    method: str,
    path: str,
    mode: str,
    url: str,
    known: dict[str, list[str]],
    broken: set[str],
    renew: Callable[[], None],
) -> None:
    """Send valid ("positive") or invalid ("negative") requests of an operation to the server at `url`.

    Some of the valid ones name what is `known`, by the names of parameters. What is `broken` may be refused. `renew`
    is called before each request.
    """
    described = strict_document()[path][method]
    known_or_none = {name: st.sampled_from([*values, None]) for name, values in known.items()}

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=HealthCheck)
    @given(case=described.as_strategy(generation_mode=GenerationMode(mode)), named=st.fixed_dictionaries(known_or_none))
    def check(case: Case, named: dict[str, str | None]) -> None:
        if mode == "positive":
            name_what_exists(case, named)
        assume(len(urlencode(case.query or {}, doseq=True)) < MAX_QUERY_CHARS)
        renew()
        is_impossible = path in MAY_BE_IMPOSSIBLE or broken & set((case.path_parameters or {}).values())
        excluded = [ignored_auth, *([positive_data_acceptance] if is_impossible else [])]
        case.call_and_validate(base_url=url, excluded_checks=excluded, timeout=60)

    check()


@cache
def strict_document() -> Any:
    """Load the document without its default responses, so that it must describe each answer by its status code."""
    described = json.loads(json.dumps(DOCUMENT))
    for item in described["paths"].values():
        for method, described_operation in item.items():
            if method != "parameters":
                described_operation["responses"].pop("default", None)
    return schemathesis.openapi.from_dict(described)


def name_what_exists(case: Case, known: dict[str, str | None]) -> None:
    """Point some cases to an existing run, experiment or file."""
    for name, value in known.items():
        if value is not None and name in case.path_parameters:
            case.path_parameters[name] = value
    if case.path == "/training/start" and isinstance(case.body, dict):
        case.body["config_name"] = known["name"] or "unknown.yaml"
        case.body.pop("resume_from", None)
        case.body.pop("dataset", None)
