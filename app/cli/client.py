"""A client of the service for Python programs. It needs neither Flask nor torch.

from app.cli.client import Client

client = Client("http://localhost:8000")
run_id = client.start("digits_resnet.yaml", dataset="digits")["run_id"]
for event in client.follow(run_id):
    print(event)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from app.cli.events import Event
from app.cli.exceptions import Unreachable
from app.cli.following import Following

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from app.cli.download import Report

ANSWER_TIMEOUT_S = 120.0
Answer = dict[str, Any]


class Start(TypedDict, total=False):
    """The fields of a start, as in docs/rest.md."""

    dataset: str
    train_data_dir: str | None
    val_data_dir: str | None
    test_data_dir: str | None
    model_name: str
    overrides: Mapping[str, Any]
    resume_from: str
    gpus: int
    queue: bool
    priority: int


class Client:
    """The service at one address. Answers are those of docs/rest.md.

    Every method raises ServiceError if the service refuses the request, and Unreachable if no service answers.
    """

    def __init__(self, url: str, token: str | None = None, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Raises ValueError if `url` is not a valid address. `timeout_s`: how long to wait for an answer."""
        # Here and below, because the libraries take 0.2 s to import, and commands without a service import this module.
        from app.cli.queueing import Queue
        from app.cli.rest import Rest

        self._rest = Rest(url, token, timeout_s)
        self._token = token
        self.url = self._rest.url
        self.queue = Queue(self._rest)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._rest.close()

    def is_up(self) -> bool:
        """Whether the service answers."""
        try:
            self._rest.get("ping")
        except Unreachable:
            return False
        return True

    def start(self, config_name: str | None = None, **fields: Unpack[Start]) -> Answer:
        """Start a run, or with `queue` let it wait for its turn. A start that resumes a run needs no experiment."""
        return self._post("start", _start(config_name, fields))

    def check(self, config_name: str | None = None, **fields: Unpack[Start]) -> Answer:
        """Return what a start would do, without starting anything."""
        return self._post("check", _start(config_name, fields))

    def stop(self, run_id: str | None = None, mode: str = "save", wait: bool = True) -> Answer:
        """Stop a run, by default the active one. Without `wait`, return before it has ended."""
        body = {"run_id": run_id, "mode": mode}
        return dict(self._rest.call("POST", "training", "stop", query={"wait": int(wait)}, body=body, waits=True))

    def status(self) -> Answer:
        return dict(self._rest.get("training", "status"))

    def runs(
        self,
        limit: int | None = None,
        offset: int = 0,
        status: str | None = None,
        search: str | None = None,
        sort: str | None = None,
        best: bool = False,
    ) -> list[Answer]:
        """List runs, by default all, the newest first. `best` adds the best value of each metric."""
        query = {"limit": limit, "offset": offset, "status": status, "search": search, "sort": sort, "best": int(best)}
        return list(self._rest.get("training", "metrics", "runs", **query))

    def run(self, run_id: str) -> Answer:
        """Return everything known of a run."""
        return dict(self._rest.get("training", "runs", run_id))

    def log(self, run_id: str, offset: int = 0, limit: int | None = None) -> Answer:
        """Return a chunk of the log. A negative offset counts from the end."""
        return dict(self._rest.get("training", "runs", run_id, "log", offset=offset, limit=limit))

    def metrics(
        self, run_id: str, since_row: int = 0, max_points: int | None = None, columns: str | None = None
    ) -> Answer:
        query = {"since_row": since_row, "max_points": max_points, "columns": columns}
        return dict(self._rest.get("training", "metrics", "runs", run_id, **query))

    def summary(self, run_id: str) -> Answer:
        """Return the best and the last value of each metric."""
        return dict(self._rest.get("training", "metrics", "runs", run_id, "summary"))

    def models(self, limit: int | None = None, offset: int = 0) -> list[Answer]:
        """List the model cards, those of the newest run first."""
        return list(self._rest.get("training", "models", limit=limit, offset=offset)["models_info"])

    def download(
        self,
        run_id: str,
        target: Path,
        file: str | None = None,
        variant: str | None = None,
        report: Report | None = None,
    ) -> Path:
        """Download a run's model into a file or a folder and return its path. A broken download leaves nothing.

        `file` chooses one of several models, `variant` a smaller one such as int8. `report` is called with the bytes
        received and the total. Raises OSError.
        """
        from app.cli.download import save

        query = {"file": file, "variant": variant}
        return save(self._rest, ("training", "models", run_id, "download"), query, target, report)

    def predict(
        self,
        run_id: str,
        images: Sequence[Path],
        top: int = 5,
        heatmap: bool = False,
        file: str | None = None,
        variant: str | None = None,
    ) -> Answer:
        """Classify images with a run's model. Raises OSError if one cannot be read."""
        from app.cli.prediction import predict

        query = {"top": top, "heatmap": int(heatmap), "file": file, "variant": variant}
        return predict(self._rest, run_id, images, query)

    def delete(self, run_id: str, trash: bool = False) -> Answer:
        """Delete a run and all its files, or move it to the trash, which keeps it for a day."""
        return dict(self._rest.call("DELETE", "training", "models", run_id, query={"trash": int(trash)}))

    def restore(self, run_id: str) -> Answer:
        """Restore a run from the trash."""
        return dict(self._rest.call("POST", "training", "trash", run_id, "restore"))

    def datasets(self) -> list[Answer]:
        return list(self._rest.get("training", "datasets")["datasets"])

    def configs(self) -> list[str]:
        """Return the names of the experiments."""
        return list(self._rest.get("training", "configs")["available_configs"])

    def parameters(self, config_name: str | None = None, run_id: str | None = None) -> list[Answer]:
        """Return the parameters that a start may override: of our trainer, of an experiment, or of a run to resume."""
        query = {"config_name": config_name, "run_id": run_id}
        return list(self._rest.get("training", "parameters", **query)["parameters"])

    def follow(self, run_id: str | None = None, log_offset: int | None = 0) -> Iterator[Event]:
        """Yield the events of a run up to its final state.

        Every row and every byte of the log comes once and in order, across restarts of the service and however slow
        the reader is. Raises Unreachable if the first connection fails. Later it yields ConnectionLost and retries
        forever.

        `run_id` None: the run that started last, or the first one to start. `log_offset`: where to begin in the log;
        None: 64 KiB before its end.
        """
        from app.cli.connection import Connection
        from app.cli.live import follow

        self.status()
        following = Following(run_id, log_offset)
        return follow(following, lambda: Connection(self.url, self._token, self._rest.ca_bundle), self.status)

    def _post(self, verb: str, body: Answer) -> Answer:
        return dict(self._rest.call("POST", "training", verb, body=body, waits=True))


def _start(config_name: str | None, fields: Start) -> Answer:
    return {**({} if config_name is None else {"config_name": config_name}), **fields}
