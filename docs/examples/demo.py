"""Train a network on real handwritten digits through the API and follow it live: `make demo`.

This is also an example of a client. One REST call starts the run, Socket.IO delivers every epoch, and REST returns the
model. The service runs until Ctrl-C. With --detach it stops when the model is ready.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import requests
import socketio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parents[2]
SERVER_LOG = ROOT / "logs" / "service.log"
FINAL_STATES = ("completed", "stopped", "failed", "interrupted")

SHOWN_METRICS = ("train/loss", "val/loss", "val/acc")

console = Console(highlight=False)


class Service:
    """The service as a client sees it: an address and an optional token."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{os.environ.get('TRAINING_PORT', '8000')}"
        self._token = os.environ.get("TRAINING_API_TOKEN")

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the server and return when it responds."""
        if self.is_up():
            sys.exit(
                f"Another program already listens on {self.url}. Stop it, or choose another port: TRAINING_PORT=8001."
            )
        SERVER_LOG.parent.mkdir(exist_ok=True)
        with open(SERVER_LOG, "ab") as log:
            server = subprocess.Popen([sys.executable, "wsgi.py"], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        while not self.is_up():
            if server.poll() is not None:
                sys.exit(f"The service did not start. The end of {SERVER_LOG}:\n{SERVER_LOG.read_text()[-2000:]}")
            time.sleep(0.05)
        return server

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/ping", timeout=2).ok
        except requests.ConnectionError:
            return False

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the response. After an error, exit with the service's message."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        answer = requests.request(method, self.url + path, json=body, headers=headers, timeout=60)
        if not answer.ok:
            sys.exit(f"{method} {path}: {answer.json()['message']}")
        return dict(answer.json())

    def connect(self, client: socketio.Client) -> None:
        client.connect(self.url, auth={"token": self._token}, namespaces=["/training"], transports=["websocket"])


def follow(service: Service, run_id: str) -> dict[str, Any]:
    """Show the run's epochs as they arrive and return its final snapshot."""
    client = socketio.Client()
    ended = threading.Event()
    final: dict[str, Any] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=None)

        def on_progress(progress: dict[str, Any]) -> None:
            done = progress["epoch"] + progress["batch"] / max(1, progress["num_batches"])
            if progress.get("phase", "fit") == "fit":
                bar.update(task, description="training", total=progress["max_epochs"], completed=round(done, 1))
            elif progress["step"]:  # The last epoch may have ended between two reports.
                bar.update(task, description=progress["phase"], completed=progress["epoch"] + 1)
            else:
                bar.update(task, description=progress["phase"])

        latest: dict[int, dict[str, Any]] = {}

        def show_epochs_before(epoch: float) -> None:
            # An epoch's metrics arrive one by one. They are complete when the next epoch begins.
            for done in [known for known in latest if known < epoch]:
                metrics = latest.pop(done)
                if all(metrics.get(name) is not None for name in SHOWN_METRICS):
                    shown = "   ".join(f"{name} {metrics[name]:.4f}" for name in SHOWN_METRICS)
                    bar.console.print(f"epoch {done:2d}   {shown}")

        def on_epoch(epoch: dict[str, Any]) -> None:
            latest[epoch["epoch"]] = epoch["metrics"]
            show_epochs_before(epoch["epoch"])

        def on_run(run: dict[str, Any]) -> None:
            if run["run_id"] == run_id and run["state"] in FINAL_STATES:
                show_epochs_before(float("inf"))
                final.update(run)
                ended.set()

        def subscribe() -> None:
            request = {"run_id": run_id}
            client.emit("subscribe", request, namespace="/training", callback=lambda answer: on_run(answer["run"]))

        for name, handler in (("progress", on_progress), ("epoch", on_epoch), ("run", on_run), ("connect", subscribe)):
            client.on(name, handler, namespace="/training")
        service.connect(client)
        ended.wait()
        bar.update(task, description=final["state"])
    client.disconnect()
    return final


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detach", action="store_true", help="stop the service when the model is ready")
    detach = parser.parse_args().detach
    subprocess.run([sys.executable, "-m", "trainer.digits"], cwd=ROOT, check=True)
    service = Service()
    server = service.launch()
    try:
        console.print(f"Page: [bold]{service.url}[/bold]")
        began = time.monotonic()
        request = {"config_name": "digits_resnet.yaml", "dataset": "digits", "model_name": "digits"}
        run_id = service.call("POST", "/training/start", request)["run_id"]
        run = follow(service, run_id)
        if run["state"] != "completed":
            console.print(f"Run {run['state']}: {run['reason']}")
            console.print(f"Log: {ROOT}/logs/train/runs/{run_id}/train.log", soft_wrap=True)
            return 1
        card = service.call("GET", f"/training/runs/{run_id}")["model"]
        console.print(f"Test accuracy: [bold]{card['test_metrics']['test/acc']:.2%}[/bold]")
        console.print(f"Verified ONNX model: {card['model_path']}", soft_wrap=True)
        console.print(f"Duration: {time.monotonic() - began:.0f} s")
        if not detach:
            console.print(f"The service keeps running at {service.url} until Ctrl-C.")
            server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
