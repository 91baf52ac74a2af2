"""REST calls as the service documents them: JSON in, JSON out, and every error an exception."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from app.cli.exceptions import RequestInterrupted, ServiceError, Unreachable

CONNECT_TIMEOUT_S = 10.0
CHUNK_BYTES = 1024 * 1024
AWAY = (502, 503, 504)
"""A proxy's status codes while the service behind it restarts."""


class Rest:
    """The service's REST API at one address. A path is a sequence of its parts."""

    def __init__(self, url: str, token: str | None, timeout_s: float) -> None:
        """`timeout_s`: how long the service may take for the first byte of an answer. Raises ValueError."""
        self.url = _with_scheme(url)
        self._token = token
        self._timeout_s = timeout_s
        self._session = requests.Session()
        # Not as a header, because requests would overwrite that with the host's entry in ~/.netrc.
        self._session.auth = self._authorise

    @property
    def ca_bundle(self) -> str | None:
        """The file of certificate authorities that REQUESTS_CA_BUNDLE names; None: the system's."""
        verify = self._session.merge_environment_settings(self.url, {}, None, None, None)["verify"]
        return verify if isinstance(verify, str) else None

    def get(self, *path: str, **query: Any) -> Any:
        """Return the answer. Leaves out query parameters that are None. Raises ServiceError and Unreachable."""
        return self.call("GET", *path, query=query)

    def call(
        self, method: str, *path: str, query: dict[str, Any] | None = None, body: Any = None, waits: bool = False
    ) -> Any:
        """Return the answer to a request. `waits`: the service may take as long as it needs."""
        options = {"params": query, "json": body, "timeout": (CONNECT_TIMEOUT_S, None if waits else self._timeout_s)}
        response = self._send(method, path, **options)
        return _content(response, self.url)

    def upload(self, *path: str, query: dict[str, Any], parts: list[tuple[str, tuple[str, bytes]]]) -> Any:
        """Send files as the parts of a form, and return the answer."""
        response = self._send("POST", path, params=query, files=parts, timeout=(CONNECT_TIMEOUT_S, self._timeout_s))
        return _content(response, self.url)

    @contextmanager
    def open(self, *path: str, query: dict[str, Any]) -> Iterator[requests.Response]:
        """Yield a response whose content `chunks` reads. Raises ServiceError and Unreachable."""
        with self._send(
            "GET", path, params=query, stream=True, timeout=(CONNECT_TIMEOUT_S, self._timeout_s)
        ) as response:
            _check(response, self.url)
            yield response

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the content. Raises Unreachable if it ends early."""
        try:
            yield from response.iter_content(CHUNK_BYTES)
        except requests.RequestException as error:
            raise Unreachable(f"The download from {self.url} was interrupted. Try again.") from error

    def close(self) -> None:
        self._session.close()

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _send(self, method: str, path: tuple[str, ...], **options: Any) -> requests.Response:
        address = "/".join([self.url, *(quote(part, safe="") for part in path)])
        try:
            return self._session.request(method, address, **options)
        except KeyboardInterrupt as error:
            raise (error if method == "GET" else RequestInterrupted()) from None
        except requests.exceptions.ReadTimeout as error:
            raise Unreachable(f"The service at {self.url} did not answer within {self._timeout_s:g} s.") from error
        except (requests.RequestException, UnicodeError) as error:
            raise Unreachable(f"No service answers at {self.url}: {_reason(error)}.") from error


def _with_scheme(url: str) -> str:
    """Return an address with its scheme and no trailing slash. Raises ValueError unless it is an HTTP address."""
    full = (url if "://" in url else f"http://{url}").rstrip("/")
    try:
        parts = urlsplit(full)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not parts.query:
            return full
    except ValueError:
        pass
    raise ValueError(f"{url!r} must be the address of a service, such as http://127.0.0.1:8000.")


def _content(response: requests.Response, url: str) -> Any:
    _check(response, url)
    try:
        return response.json()
    except ValueError:
        raise Unreachable(f"What answers at {url} is not the training service: it did not send JSON.") from None


def _check(response: requests.Response, url: str) -> None:
    """Raise the error that a response contains."""
    if response.ok:
        return
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and {"code", "message"} <= body.keys():
        raise ServiceError(body)
    if response.status_code in AWAY:
        raise Unreachable(f"The service behind {url} is not available: {response.status_code} {response.reason}.")
    raise Unreachable(f"What answers at {url} is not the training service: {response.status_code} {response.reason}.")


def _reason(error: BaseException) -> str:
    """Return the message of the innermost error. requests wraps it in two others."""
    inner = error.__cause__ or error.__context__
    strerror = getattr(error, "strerror", None)
    return str(strerror or error) if inner is None else _reason(inner)
