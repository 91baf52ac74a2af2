"""The settings of the service, with variable, default and meaning. They are read from the environment at start."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from app.installation import default_home
from app.runs.executors.slurm.options import parse as parse_slurm_options
from app.tokens import parse_token, read_token

PREFIX = "TRAINING_"
EXECUTORS = ("local", "slurm")
TOKENS = ("api_token", "read_token")
OF_CLIENTS = ("TRAINING_URL",)
"""Variables that the command line reads, and the service does not."""

_ADDRESS_OF_SERVICE = re.compile(r"(?:tcp|udp|sctp)://\S+:\d+")
"""What Kubernetes, and Docker for links, put into NAME_PORT for a service NAME. A service may be named `training`."""
_FOREIGN = re.compile(
    rf"{PREFIX}(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
    rf"|{PREFIX}JOB_(?:NAME|ARN)"  # SageMaker's.
)

_HOST = re.compile(r"[\w.:%-]+")
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")
_GPU = re.compile(r"\d{1,4}|(?:GPU|MIG)-[\w/-]{1,100}", re.ASCII)
_URL = re.compile(r"https?://[^/?#@\s]+(?:/[^?#\s]*)?")
_ORIGIN = re.compile(r"https?://[^/?#@\s]+")

T = TypeVar("T")


class SettingsError(ValueError):
    """A setting has a bad value. The message is one line that says what would be right."""


def _absolute(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _paths(text: str) -> tuple[Path, ...]:
    if text and not text.strip(":"):
        raise ValueError("must name at least one folder")  # An empty tuple would mean no restriction.
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
    """Whether a text can be the start of URL paths, such as /a/b: letters, digits and - . _ ~ only."""
    return _PREFIX.fullmatch(text) is not None


def _public_url(text: str) -> str:
    if text and not _URL.fullmatch(text):
        raise ValueError("must be the address of the page, such as https://example.org/train")
    return text.rstrip("/")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _gpus(text: str) -> tuple[str, ...] | None:
    if text in ("auto", "none"):
        return None if text == "auto" else ()
    names = tuple(part.strip() for part in text.split(","))
    if not all(map(_GPU.fullmatch, names)) or len(set(names)) < len(names):
        raise ValueError("must be auto, none, or different indices or UUIDs of GPUs separated by commas, such as 0,1")
    return names


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def _executor(text: str) -> str:
    if text not in EXECUTORS:
        raise ValueError(f"must be {' or '.join(EXECUTORS)}")
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
    """Declare a setting. `default` is written as in the environment; None means unset."""
    value = None if default is None else parse(default)
    return field(default=value, metadata={"default": default, "doc": doc, "parse": parse})


def _folder(default: str, doc: str) -> Any:
    """Declare a folder below the home."""
    return field(default=Path(default), metadata={"default": default, "doc": doc, "parse": _absolute})


@dataclass(frozen=True)
class Settings:
    """The parsed settings, with absolute paths. The variable of a field NAME is TRAINING_NAME."""

    host: str = _setting("127.0.0.1", "where the service listens", _host)
    port: int = _setting("8000", "where the service listens", _number(int, 0, 65535))
    home: Path = field(
        default_factory=default_home,
        metadata={"default": None, "doc": "the folder of the defaults of the next three", "parse": _absolute},
    )
    configs_dir: Path = _folder("configs/experiment", "experiment files")
    runs_dir: Path = _folder("logs/train/runs", "run directories (the locks are in its parent)")
    data_dir: Path = _folder("data", "where the service finds datasets")
    data_roots: tuple[Path, ...] = _setting(
        "", "colon-separated: if set, the data folders of a start must lie below one of these", _paths
    )
    link_roots: tuple[Path, ...] = _setting(
        "", "colon-separated: folders outside a run that links in a run may lead to", _paths
    )
    api_token: str | None = _setting(
        None, "if set, every /training request and every socket needs this token, or the read token", parse_token
    )
    api_token_file: Path | None = _setting(None, "a file that contains the API token", _absolute)
    read_token: str | None = _setting(None, "a second token, which can see everything and change nothing", parse_token)
    read_token_file: Path | None = _setting(None, "a file that contains the read token", _absolute)
    allow_anonymous: bool = _setting("0", "1: listen beyond loopback without a token", _flag)
    cors_origins: tuple[str, ...] = _setting(
        "", "comma-separated origins whose pages may use REST and sockets; unset: the same origin only", _origins
    )
    url_prefix: str = _setting("", "the path under which a proxy shows the service, such as /train", _prefix)
    stop_grace_s: float = _setting("30", "seconds from the stop signal to the kill", _number(float, 0, 86400))
    poll_interval_s: float = _setting(
        "0.1",
        "seconds between two reads of a run's files; the service notices a change after a fifth of it",
        _number(float, 0.01, 60),
    )
    max_active: int | None = _setting(
        None,
        "how many runs may be active at the same time; unset: one on this machine, and as many as SLURM allows there",
        _number(int, 1, 1000),
    )
    gpus: tuple[str, ...] | None = _setting(
        "auto", "the GPUs to divide among the runs: indices or UUIDs separated by commas, none, or auto for all", _gpus
    )
    min_free_mb: int = _setting(
        "500", "megabytes; the service refuses a start with less free disk space", _number(int, 0, 10**9)
    )
    max_sockets: int = _setting(
        "1000", "open sockets at most; under gunicorn each holds a thread", _number(int, 1, 100_000)
    )
    executor: str = _setting(
        "local", "where runs execute: local (on this machine) or slurm (on its cluster)", _executor
    )
    slurm_options: tuple[str, ...] = _setting(
        "", "options for every sbatch, such as --partition=gpu --time=2-00:00:00", parse_slurm_options
    )
    notify: tuple[str, ...] = _setting(
        "", "addresses for Apprise, space-separated, to notify when a run ends and when the queue is empty", _words
    )
    public_url: str = _setting("", "the address of the page, for links: https://example.org/train", _public_url)
    prewarm: bool = _setting("0", "1: keep a process with everything imported, for quick starts", _flag)

    def __post_init__(self) -> None:
        for name in ("configs_dir", "runs_dir", "data_dir"):
            object.__setattr__(self, name, self.home / getattr(self, name))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the variables of the settings. Raises SettingsError."""
        values = {}
        for setting in fields(cls):
            variable = PREFIX + setting.name.upper()
            text = environment.get(variable, "")  # Compose files and systemd units clear a variable with "".
            if text == "" or _is_foreign(variable, text):
                continue
            try:
                values[setting.name] = setting.metadata["parse"](text)
            except ValueError as error:
                shown = variable if setting.name in TOKENS else f"{variable}={text!r}"  # A log must not show a token.
                raise SettingsError(f"{shown} {error}.") from error
        values |= _tokens_from_files(values)
        _check_tokens(values.get("api_token"), values.get("read_token"))
        return cls(**values)

    @classmethod
    def unknown(cls, environment: Mapping[str, str]) -> list[str]:
        """Return a warning for each TRAINING_ variable that is not a setting, with the nearest setting."""
        known = [PREFIX + setting.name.upper() for setting in fields(cls)]
        return [
            f"{variable} is not a setting and is ignored.{_suggestion(variable, known)}"
            for variable, text in environment.items()
            if variable.startswith(PREFIX) and variable not in (*known, *OF_CLIENTS) and not _is_foreign(variable, text)
        ]

    @property
    def address(self) -> str:
        """HOST:PORT as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def refuse_exposure(self, host: str) -> None:
        """Raise SettingsError if anyone on the network could use a service that listens on `host`."""
        if self.api_token or self.allow_anonymous or is_loopback(host):
            return
        raise SettingsError(
            f"Refusing to listen on {host} without a token. Set TRAINING_API_TOKEN, or listen on 127.0.0.1. Set "
            "TRAINING_ALLOW_ANONYMOUS=1 only if everyone who can reach the service may run programs on this machine."
        )


def _tokens_from_files(values: Mapping[str, Any]) -> dict[str, str]:
    """Read the tokens that are in files, such as systemd's credentials and Docker's secrets. Raises SettingsError."""
    files = {name: values[f"{name}_file"] for name in TOKENS if f"{name}_file" in values}
    tokens = {}
    for name, path in files.items():
        variable = PREFIX + name.upper()
        if name in values:
            raise SettingsError(f"{variable} and {variable}_FILE are both set. Set one of them.")
        try:
            tokens[name] = read_token(path)
        except ValueError as error:
            raise SettingsError(f"{variable}_FILE={str(path)!r} {error}.") from error
    return tokens


def _check_tokens(api_token: str | None, read_token: str | None) -> None:
    """Raise SettingsError unless the read token is less than another one."""
    if read_token is None:
        return
    if api_token is None:
        raise SettingsError(
            "TRAINING_READ_TOKEN needs TRAINING_API_TOKEN: without it everyone may change everything. Set both."
        )
    if read_token == api_token:
        raise SettingsError("TRAINING_READ_TOKEN must differ from TRAINING_API_TOKEN.")


def _is_foreign(variable: str, text: str) -> bool:
    """Whether another system set the variable, by a naming rule that happens to produce our prefix."""
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
