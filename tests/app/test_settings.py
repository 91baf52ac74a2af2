"""The settings: their defaults, and what is valid."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.server import startup
from app.settings import Settings, SettingsError, is_loopback
from tests.servers import ROOT

DEFAULTS = {
    "TRAINING_HOST": "127.0.0.1",
    "TRAINING_PORT": 8000,
    "TRAINING_HOME": ROOT,
    "TRAINING_CONFIGS_DIR": ROOT / "configs/experiment",
    "TRAINING_RUNS_DIR": ROOT / "logs/train/runs",
    "TRAINING_DATA_DIR": ROOT / "data",
    "TRAINING_DATA_ROOTS": (),
    "TRAINING_LINK_ROOTS": (),
    "TRAINING_API_TOKEN": None,
    "TRAINING_API_TOKEN_FILE": None,
    "TRAINING_READ_TOKEN": None,
    "TRAINING_READ_TOKEN_FILE": None,
    "TRAINING_ALLOW_ANONYMOUS": False,
    "TRAINING_CORS_ORIGINS": (),
    "TRAINING_URL_PREFIX": "",
    "TRAINING_STOP_GRACE_S": 30,
    "TRAINING_POLL_INTERVAL_S": 0.1,
    "TRAINING_MAX_ACTIVE": None,
    "TRAINING_GPUS": None,
    "TRAINING_MIN_FREE_MB": 500,
    "TRAINING_MAX_SOCKETS": 1000,
    "TRAINING_EXECUTOR": "local",
    "TRAINING_SLURM_OPTIONS": (),
    "TRAINING_NOTIFY": (),
    "TRAINING_PUBLIC_URL": "",
    "TRAINING_PREWARM": False,
}


def parse(**variables: str) -> Settings:
    return Settings.from_environment(variables)


def test_the_defaults_are_the_documented_ones() -> None:
    settings = parse(PATH="/bin")
    assert {f"TRAINING_{f.name.upper()}": getattr(settings, f.name) for f in fields(settings)} == DEFAULTS


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    assert parse(**{name: ""}) == parse()


def test_the_default_folders_are_below_the_home() -> None:
    settings = parse(TRAINING_HOME="/srv/training", TRAINING_DATA_DIR="elsewhere")
    assert settings.configs_dir == Path("/srv/training/configs/experiment")
    assert settings.runs_dir == Path("/srv/training/logs/train/runs")
    assert settings.data_dir == Path.cwd() / "elsewhere"


def test_values_are_parsed() -> None:
    settings = parse(
        TRAINING_HOST="[::1]",
        TRAINING_PORT="0",
        TRAINING_RUNS_DIR="relative/runs",
        TRAINING_DATA_ROOTS="/a:b:~/c:",
        TRAINING_CORS_ORIGINS="https://A.example/, http://localhost:3000",
        TRAINING_POLL_INTERVAL_S="2.5",
    )
    assert (settings.host, settings.port, settings.address) == ("::1", 0, "[::1]:0")
    assert settings.runs_dir == Path.cwd() / "relative/runs"
    assert settings.data_roots == (Path("/a"), Path.cwd() / "b", Path.home() / "c")
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.poll_interval_s == 2.5


BAD = {
    "TRAINING_HOST": ["a host", "http://x", "127.0.0.1:8000/"],
    "TRAINING_PORT": ["x", "-1", "65536", "80.5", "1e3"],
    "TRAINING_DATA_ROOTS": [":", "::"],
    "TRAINING_LINK_ROOTS": [":"],
    "TRAINING_ALLOW_ANONYMOUS": ["yes", "true", "2", " 1"],
    "TRAINING_CORS_ORIGINS": ["example.org", "https://", "https://a/path", "ftp://a", "https://a https://b"],
    "TRAINING_URL_PREFIX": ["train", "/a b", "//x", "/a//b", "/../x", "/a/.", "https://a/b", "/a?b", "/ä"],
    "TRAINING_PUBLIC_URL": ["example.org", "https://", "https://a b", "ftp://a", "https://a/?b", "https://u@a"],
    "TRAINING_STOP_GRACE_S": ["x", "-1", "nan", "inf", "1e9"],
    "TRAINING_POLL_INTERVAL_S": ["0", "-0.1", "61", "nan", "0,5"],
    "TRAINING_MAX_ACTIVE": ["0", "-1", "1.5", "all", "1001"],
    "TRAINING_GPUS": ["0,", ",", "0,0", "all", "-1", "0 1", "GPU-", "GPU-a b", "auto,0", "99999"],
    "TRAINING_MIN_FREE_MB": ["-1", "1.5", "many"],
    "TRAINING_MAX_SOCKETS": ["0", "-1", "x"],
    "TRAINING_EXECUTOR": ["Slurm", "kubernetes"],
    "TRAINING_SLURM_OPTIONS": ["gpu", "--array=1-3", "--comment='"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts], ids=ascii)
def test_an_invalid_value_is_reported_with_what_would_be_right(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(**{name: text})
    message = str(raised.value)
    assert message.startswith(f"{name}={text!r} must ")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["TRAINING_API_TOKEN", "TRAINING_READ_TOKEN"])
@pytest.mark.parametrize("text", ["two words", "schlüssel", "a\x00b", "a\n"], ids=ascii)
def test_an_invalid_token_is_refused_and_not_shown(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(**{name: text})
    assert str(raised.value) == f"{name} must be printable ASCII without spaces."


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"], ids=ascii)
def test_tokens_are_read_from_files(tmp_path: Path, ending: str) -> None:
    for name in ("api", "read"):
        (tmp_path / name).write_bytes(f"{name}-secret{ending}".encode())
    files = {f"TRAINING_{name.upper()}_TOKEN_FILE": str(tmp_path / name) for name in ("api", "read")}
    settings = parse(TRAINING_API_TOKEN="", **files)
    assert (settings.api_token, settings.read_token) == ("api-secret", "read-secret")


WRONG_FILES = {
    b"": "is empty",
    b"\n": "is empty",
    b"one\ntwo\n": "one token",
    b"secret \n": "one token",
    b"\xff\xfe": "one token",
    b"x" * 5000: "at most 4,096",
    None: "No such file",
}


@pytest.mark.parametrize("content", WRONG_FILES, ids=lambda content: ascii(content)[:20])
@pytest.mark.parametrize("name", ["TRAINING_API_TOKEN", "TRAINING_READ_TOKEN"])
def test_an_unusable_token_file_is_reported_in_one_line(tmp_path: Path, name: str, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=WRONG_FILES[content]) as raised:
        parse(**{f"{name}_FILE": str(file)})
    message = str(raised.value)
    assert message.startswith(f"{name}_FILE={str(file)!r} ")
    assert "\n" not in message
    assert "secret" not in message


@pytest.mark.parametrize("name", ["TRAINING_API_TOKEN", "TRAINING_READ_TOKEN"])
def test_a_token_that_is_given_twice_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "token").write_text("same")
    with pytest.raises(SettingsError, match=f"{name} and {name}_FILE are both set"):
        parse(**{name: "same", f"{name}_FILE": str(tmp_path / "token")})


def test_a_read_token_needs_another_api_token() -> None:
    with pytest.raises(SettingsError, match="needs TRAINING_API_TOKEN"):
        parse(TRAINING_READ_TOKEN="look")
    with pytest.raises(SettingsError, match="must differ"):
        parse(TRAINING_READ_TOKEN="same", TRAINING_API_TOKEN="same")
    assert parse(TRAINING_READ_TOKEN="look", TRAINING_API_TOKEN="change").read_token == "look"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("TRAINING_PROT", "TRAINING_PORT"),
        ("TRAINING_API_TOKENS", "TRAINING_API_TOKEN"),
        ("TRAINING_RUN_DIR", "TRAINING_RUNS_DIR"),
        ("TRAINING_SOMETHING_ELSE", None),
    ],
)
def test_a_warning_names_an_unknown_variable_and_the_nearest_known_one(name: str, nearest: str | None) -> None:
    assert parse(**{name: "8000"}) == parse()
    [warning] = Settings.unknown({name: "8000", "PATH": "/bin", "TRAINING_PORT": "1"})
    assert warning.startswith(f"{name} ")
    assert re.findall(r"TRAINING_\w+", warning)[1:] == [nearest] * (nearest is not None)


FOREIGN = {
    # Kubernetes sets these for Services named `training`, also with a named port, and `training-api`.
    "TRAINING_PORT": "tcp://10.43.0.7:8000",
    "TRAINING_SERVICE_HOST": "10.43.0.7",
    "TRAINING_SERVICE_PORT": "8000",
    "TRAINING_SERVICE_PORT_HTTP": "8000",
    "TRAINING_PORT_8000_TCP": "tcp://10.43.0.7:8000",
    "TRAINING_PORT_8000_TCP_PROTO": "tcp",
    "TRAINING_PORT_8000_TCP_PORT": "8000",
    "TRAINING_PORT_8000_TCP_ADDR": "10.43.0.7",
    "TRAINING_PORT_53_UDP": "udp://[fd00::7]:53",
    "TRAINING_API_SERVICE_HOST": "10.43.0.8",
    "TRAINING_API_PORT": "tcp://10.43.0.8:80",
    "TRAINING_API_PORT_80_TCP_ADDR": "10.43.0.8",
    # SageMaker sets these.
    "TRAINING_JOB_NAME": "resnet-2026-11-24",
    "TRAINING_JOB_ARN": "arn:aws:sagemaker:eu-west-1:1:training-job/resnet",
}


def test_variables_of_other_systems_are_ignored_without_a_warning() -> None:
    assert parse(**FOREIGN) == parse()
    assert Settings.unknown(FOREIGN) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_loopback_is_open_without_a_token(host: str) -> None:
    assert is_loopback(host)
    parse().refuse_exposure(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.0.1", "", "localhost.evil.example", "gpu-box", "127.0.0.1x"]
)
def test_every_other_host_needs_a_token_or_anonymous_access(host: str) -> None:
    for settings in (parse(), parse(TRAINING_API_TOKEN="", TRAINING_ALLOW_ANONYMOUS="0")):
        with pytest.raises(SettingsError, match="TRAINING_API_TOKEN"):
            settings.refuse_exposure(host)
    parse(TRAINING_API_TOKEN="x").refuse_exposure(host)
    parse(TRAINING_ALLOW_ANONYMOUS="1").refuse_exposure(host)


def test_a_folder_without_experiments_or_datasets_is_remarked_on(tmp_path: Path) -> None:
    folders = {"TRAINING_CONFIGS_DIR": str(tmp_path), "TRAINING_DATA_DIR": str(tmp_path / "none")}
    configs, data = startup.remarks(parse(**folders), folders)
    assert f"{tmp_path} contains no experiments." in configs
    assert f"{tmp_path / 'none'} contains no datasets." in data
