"""Every GET route of the service, from its own URL map."""

from __future__ import annotations

from functools import cache

from werkzeug.routing import Map

from app.factory import create_app
from app.settings import Settings

QUERIES = {
    "runs.search_log": ("text=e",),
    "models.download_model": ("", "variant=int8"),
    "metrics.list_runs": ("", "best=1&sort=-val/acc"),
    "metrics.get_metrics": ("", "max_points=2"),
}
"""Query strings to try, by endpoint. All other endpoints get none."""


def every_get(**values: str) -> list[str]:
    """Return the path of every GET route. `values` fill the path parameters run_id, name, path and filename."""
    url_map = _url_map()
    urls = url_map.bind("localhost")
    paths = []
    for rule in url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            chosen = {name: values[name] for name in rule.arguments - (rule.defaults or {}).keys()}
            path = urls.build(rule.endpoint, {**chosen, **(rule.defaults or {})})
            paths += [f"{path}?{query}" if query else path for query in QUERIES.get(rule.endpoint, ("",))]
    return paths


@cache
def _url_map() -> Map:
    return create_app(Settings(), "threading").url_map
