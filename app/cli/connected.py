"""What every command that calls the service shares: address, token, output, and errors as exit codes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import click

from app.cli import exits
from app.cli.client import Client
from app.cli.exceptions import ClientError, RequestInterrupted, ServiceError
from app.cli.output import Output
from app.tokens import read_token

P = ParamSpec("P")

URL_VARIABLE = "TRAINING_URL"
TOKEN_VARIABLES = ("TRAINING_API_TOKEN", "TRAINING_READ_TOKEN")
UNAUTHORIZED = 401
FILE_VARIABLES = ("TRAINING_API_TOKEN_FILE", "TRAINING_READ_TOKEN_FILE")


def connected(command: Callable[Concatenate[Client, Output, P], None]) -> Callable[P, None]:
    """Add the shared options to a command, and pass it the client and the output."""

    @click.option("--url", envvar=URL_VARIABLE, help="Address of the service.  [default: http://127.0.0.1:8000]")
    @click.option("--token", envvar=TOKEN_VARIABLES, help="Token of the service. Other users may see it.")
    @click.option("--token-file", envvar=FILE_VARIABLES, type=click.Path(path_type=Path), help="File with the token.")
    @click.option("--json", "is_json", is_flag=True, help="Print JSON, as the service returns it.")
    @functools.wraps(command)
    def wrapped(
        url: str | None, token: str | None, token_file: Path | None, is_json: bool, *args: P.args, **options: P.kwargs
    ) -> None:
        output = Output(is_json)
        with errors_as_exits(output), connect(url, token, token_file) as client:
            command(client, output, *args, **options)

    return wrapped  # type: ignore[return-value]  # click passes the options of `wrapped` too.


def connect(url: str | None, token: str | None, token_file: Path | None, **options: Any) -> Client:
    """Make the client that the options and the environment describe. Raises click.UsageError."""
    try:
        if token is None and token_file is not None:
            token = read_token(token_file)
    except ValueError as error:
        raise click.UsageError(f"The token file {token_file} {error}.") from error
    try:
        return Client(url or f"http://127.0.0.1:{os.environ.get('TRAINING_PORT') or 8000}", token, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def errors_as_exits(output: Output) -> Iterator[None]:
    """Print what went wrong and exit with its code."""
    try:
        yield
        output.flush()
    except ServiceError as error:
        advice = " With `training`, use --token-file or TRAINING_API_TOKEN." if error.code == UNAUTHORIZED else ""
        output.error(f"{error}{advice}", error.body)
        raise SystemExit(exits.REFUSED) from error
    except ClientError as error:
        output.error(str(error))
        raise SystemExit(exits.UNREACHABLE) from error
    except BrokenPipeError as error:
        output.discard()
        raise SystemExit(exits.BROKEN_PIPE) from error
    except RequestInterrupted:
        output.note("The service may still carry out the request.")
        raise
    except OSError as error:
        output.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        raise SystemExit(exits.FAILED) from error
