"""Every setting of the service: its variable, default and meaning. Read once, at start, from the environment."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

PREFIX = "TRAINING_"
ROOT = Path(__file__).resolve().parents[1]
"""The project's folder, which the defaults of paths are relative to."""

_ADDRESS_OF_SERVICE = re.compile(r"(?:tcp|udp|sctp)://\S+:\d+")
"""What Kubernetes, and Docker for links, set NAME_PORT to for a service called NAME. Ours may be called `training`."""
_FOREIGN = re.compile(
    rf"{PREFIX}(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
    rf"|{PREFIX}JOB_(?:NAME|ARN)"  # SageMaker's.
)

_HOST = re.compile(r"[\w.:%-]+")
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")
_ORIGIN = re.compile(r"https?://[^/?#@\s]+")

T = TypeVar("T")


class SettingsError(ValueError):
    """A setting with a bad value; the message is one line that says what would be right."""


def _absolute(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _paths(text: str) -> tuple[Path, ...]:
    if not text.strip(":"):
        raise ValueError("must name at least one folder")  # None at all would read as no restriction.
    return tuple(_absolute(part) for part in text.split(":") if part)


def _host(text: str) -> str:
    name = text.removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(name):
        raise ValueError("must be a host name or an IP address")
    return name


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip().rstrip("/").lower() for part in text.split(",") if part.strip())
    if not all(origin == "*" or _ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("must be origins such as https://example.org, separated by commas, or *")
    return origins


def _prefix(text: str) -> str:
    prefix = text.rstrip("/")
    if prefix and not is_prefix(prefix):
        raise ValueError("must be a path such as /train")
    return prefix


def is_prefix(text: str) -> bool:
    """Whether it is a path that addresses can be put below: /a/b, of letters, digits and - . _ ~ alone."""
    return _PREFIX.fullmatch(text) is not None


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def _token(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces")
    return text


def _number(cast: Callable[[str], T], low: float, high: float) -> Callable[[str], T]:
    def parse(text: str) -> T:
        try:
            value = cast(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:  # type: ignore[operator]
            kind = "a whole number" if cast is int else "a number"
            raise ValueError(f"must be {kind} from {low:g} to {high:g}")
        return value

    return parse


def _setting(default: str | None, doc: str, parse: Callable[[str], Any] = str) -> Any:
    """Declare a setting; `default` is given as it would stand in the environment, None = unset."""
    value = None if default is None else ROOT / default if parse is _absolute else parse(default)
    factory = () if parse in (_paths, _origins) and default is None else value
    return field(default=factory, metadata={"default": default, "doc": doc, "parse": parse})


@dataclass(frozen=True)
class Settings:
    """The settings, parsed; paths are absolute. Each field NAME is the variable TRAINING_NAME."""

    host: str = _setting("127.0.0.1", "where the service listens", _host)
    port: int = _setting("8000", "where the service listens", _number(int, 0, 65535))
    configs_dir: Path = _setting("configs/experiment", "experiment files", _absolute)
    runs_dir: Path = _setting("logs/train/runs", "run directories (the locks live in its parent)", _absolute)
    data_dir: Path = _setting("data", "where datasets are discovered", _absolute)
    data_roots: tuple[Path, ...] = _setting(
        None, "colon-separated: when set, the data directories of a start must lie below one of them", _paths
    )
    link_roots: tuple[Path, ...] = _setting(
        None, "colon-separated: folders outside of a run that links inside of it may lead to", _paths
    )
    api_token: str | None = _setting(None, "when set, every /training request and socket needs it", _token)
    allow_anonymous: bool = _setting("0", "1: listen beyond loopback without a token", _flag)
    cors_origins: tuple[str, ...] = _setting(
        None, "comma-separated origins that may use REST and sockets; unset: the same origin only", _origins
    )
    url_prefix: str = _setting("", "the path under which a proxy shows the service, such as /train", _prefix)
    stop_grace_s: float = _setting("30", "seconds from the stop signal to the kill", _number(float, 0, 86400))
    poll_interval_s: float = _setting(
        "0.1",
        "seconds between two looks at the run's files; changes are noticed after a fifth of it",
        _number(float, 0.01, 60),
    )
    min_free_mb: int = _setting("500", "megabytes; a start with less free disk is refused", _number(int, 0, 10**9))
    max_sockets: int = _setting(
        "1000", "open sockets at most; under gunicorn each holds a thread", _number(int, 1, 100_000)
    )
    prewarm: bool = _setting("0", "1: a training program waits with everything imported, for quick starts", _flag)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the variables of the settings. Raises SettingsError."""
        values = {}
        for setting in fields(cls):
            variable = PREFIX + setting.name.upper()
            text = environment.get(variable, "")
            if text == "" or _is_foreign(variable, text):  # Compose files and units clear a variable by an empty text.
                continue
            try:
                values[setting.name] = setting.metadata["parse"](text)
            except ValueError as error:
                raise SettingsError(f"{variable}={text!r} {error}.") from error
        return cls(**values)

    @classmethod
    def unknown(cls, environment: Mapping[str, str]) -> list[str]:
        """Say of each TRAINING_ variable that is no setting that it is ignored, and what may have been meant."""
        known = [PREFIX + setting.name.upper() for setting in fields(cls)]
        return [
            f"{variable} is not a setting and is ignored.{_suggestion(variable, known)}"
            for variable, text in environment.items()
            if variable.startswith(PREFIX) and variable not in known and not _is_foreign(variable, text)
        ]

    @property
    def address(self) -> str:
        """HOST:PORT as it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def refuse_exposure(self, host: str) -> None:
        """Raise SettingsError when listening on `host` would let anybody on the network in."""
        if self.api_token or self.allow_anonymous or is_loopback(host):
            return
        raise SettingsError(
            f"Refusing to listen on {host} without a token: set TRAINING_API_TOKEN, listen on 127.0.0.1, or set "
            "TRAINING_ALLOW_ANONYMOUS=1 if everybody who can reach it may start programs here."
        )


def _is_foreign(variable: str, text: str) -> bool:
    """Whether another system set it, by a rule of its own that happens to give it our prefix."""
    is_address = variable.endswith("_PORT") and _ADDRESS_OF_SERVICE.fullmatch(text) is not None
    return is_address or _FOREIGN.fullmatch(variable) is not None


def _suggestion(variable: str, known: list[str]) -> str:
    near = difflib.get_close_matches(variable, known, n=1, cutoff=0.75)
    return f" Did you mean {near[0]}?" if near else ""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
