"""Predict with the models of runs, in a separate process that ends after some minutes without a request."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from app.runs import child
from app.runs.exceptions import Busy, ImagesUnreadable, ModelUnusable, PredictionFailed
from trainer.runner.verdict import signal_name

ANSWER_WITHIN_S = 60.0
IDLE_S = 300.0
MAX_WAITING = 8
NO_ONNXRUNTIME = "No module named 'onnxruntime'"

Json = dict[str, Any]


class Image(NamedTuple):
    name: str
    """The client's name for it."""
    path: Path


class Predictor:
    """Owns the predicting process, which the first request starts. It answers one request at a time.

    Requests wait in their own threads, which are green under eventlet.
    """

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(MAX_WAITING)
        self._mutex = threading.Lock()
        self._process: _Process | None = None
        self._idle: threading.Timer | None = None

    def predict(self, model: Path, images: Sequence[Image], top: int, heatmap: bool) -> Json:
        """Return `predictions` in the order of the images, `preprocessing` and `duration_ms`.

        Raises Busy, ModelUnusable, ImagesUnreadable, and PredictionFailed if the process ends or takes too long.
        """
        request = {
            "model": str(model.absolute()),
            "images": [{"name": image.name, "path": str(image.path)} for image in images],
            "top": top,
            "heatmap": heatmap,
        }
        with self._turn():
            answer = self._ask(request)
        if "problem" in answer:
            raise ModelUnusable(answer["problem"])
        if "unreadable" in answer:
            raise ImagesUnreadable(answer["unreadable"])
        return answer

    def close(self) -> None:
        """End the process. The next request starts a new one."""
        with self._mutex:
            self._end()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(blocking=False):
            raise Busy("predictions are requested")
        try:
            with self._mutex:
                yield
        finally:
            self._turns.release()

    def _ask(self, request: Mapping[str, Any]) -> Json:
        if self._idle is not None:
            self._idle.cancel()
        try:
            return self._answer(request)
        except OSError as error:
            if isinstance(error, TimeoutError):
                reason = f"it took longer than {ANSWER_WITHIN_S:g} s"
            else:
                reason = self._process.why_it_ended() if self._process is not None else str(error)
            self._end()
            raise PredictionFailed(reason) from error
        finally:
            self._idle = threading.Timer(IDLE_S, self.close)
            self._idle.daemon = True
            self._idle.start()

    def _answer(self, request: Mapping[str, Any]) -> Json:
        """Raises OSError, such as TimeoutError."""
        if self._process is not None:
            with suppress(ConnectionError):  # The process was killed since the last request.
                return self._process.ask(request)
            self._end()
        self._process = _Process()
        return self._process.ask(request)

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


class _Process:
    """A trainer.predictor process, and the channel to it. The process exits when the channel closes."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(ANSWER_WITHIN_S)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  Closed by `end`.
        with theirs:
            number = theirs.fileno()
            self._process = child.spawn(
                "trainer.predictor", str(number), pass_fds=[number], stdout=self._log, stderr=self._log
            )

    def ask(self, request: Mapping[str, Any]) -> Json:
        """Raises OSError, such as TimeoutError."""
        self._channel.sendall(json.dumps(request).encode() + b"\n")
        answer = bytearray()
        while not answer.endswith(b"\n"):
            if not (received := self._channel.recv(1024 * 1024)):
                raise ConnectionResetError
            answer += received
        content: Json = json.loads(answer)
        return content

    def why_it_ended(self) -> str:
        """Wait for the process, which has closed its end of the channel, and say why it ended."""
        code, message = self._process.wait(), child.last_line(self._log)
        if message is not None and NO_ONNXRUNTIME in message:
            return "onnxruntime is not installed (pip install onnxruntime)"
        if code < 0:
            return f"its process was killed by {signal_name(-code)}"
        return f"its process exited with code {code}{f': {message}' if message else ''}"

    def end(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()
        self._log.close()
