"""Train a network on real handwritten digits through the API and follow it live: `make demo`.

This is also an example of a client. One call starts the run, live events deliver every epoch, and another call returns
the model. The service runs until Ctrl-C. With --detach it stops when the model is ready.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.client import Client
from app.cli.events import EpochChanged, ProgressChanged, RunChanged
from app.cli.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
SERVER_LOG = ROOT / "logs" / "service.log"
SHOWN_METRICS = ("train/loss", "val/loss", "val/acc")

console = Console(highlight=False)


@contextmanager
def service(client: Client) -> Iterator[subprocess.Popen[bytes]]:
    """Start the server and yield it once it responds. It ends with the context."""
    if client.is_up():
        sys.exit(
            f"Another program already listens on {client.url}. Stop it, or choose another port: TRAINING_PORT=8001."
        )
    SERVER_LOG.parent.mkdir(exist_ok=True)
    with open(SERVER_LOG, "ab") as log:
        server = subprocess.Popen([sys.executable, "wsgi.py"], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        while not client.is_up():
            if server.poll() is not None:
                sys.exit(f"The service did not start. The end of {SERVER_LOG}:\n{SERVER_LOG.read_text()[-2000:]}")
            time.sleep(0.05)
        yield server
    finally:
        server.terminate()
        server.wait()


def follow(client: Client, run_id: str) -> RunChanged:
    """Show the run's epochs as they arrive and return its final state."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    shown: set[float] = set()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=None)
        for event in client.follow(run_id):
            if isinstance(event, ProgressChanged) and event.progress.get("phase") == "fit":
                done = event.progress["epoch"] + event.progress["batch"] / max(1, event.progress["num_batches"])
                bar.update(task, description="fit", total=event.progress["max_epochs"], completed=round(done, 1))
            elif isinstance(event, ProgressChanged):
                bar.update(task, description=event.progress.get("phase"))
            elif isinstance(event, EpochChanged) and event.epoch not in shown:
                values = {name: event.metrics.get(name) for name in SHOWN_METRICS}
                if None not in values.values():  # An epoch's metrics arrive one by one.
                    shown.add(event.epoch)
                    bar.update(
                        task, completed=len(shown)
                    )  # Progress comes several times a second, not after each batch.
                    console.print(f"epoch {event.epoch:2}   " + "   ".join(f"{n} {v:.4f}" for n, v in values.items()))
            elif isinstance(event, RunChanged) and event.is_final:
                bar.update(task, description=event.state)
                final = event
    return final


def train(client: Client) -> int:
    began = time.monotonic()
    run_id = client.start("digits_resnet.yaml", dataset="digits", model_name="digits")["run_id"]
    run = follow(client, run_id)
    if run.state != "completed":
        console.print(f"Run {run.state}: {run.reason}")
        console.print(f"Log: {ROOT}/logs/train/runs/{run_id}/train.log", soft_wrap=True)
        return 1
    card = client.run(run_id)["model"]
    console.print(f"Test accuracy: [bold]{card['test_metrics']['test/acc']:.2%}[/bold]")
    console.print(f"Verified ONNX model: {card['model_path']}", soft_wrap=True)
    console.print(f"Duration: {time.monotonic() - began:.0f} s")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detach", action="store_true", help="stop the service when the model is ready")
    detach = parser.parse_args().detach
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # The service ends with the demo, however that ends.
    port = os.environ.get("TRAINING_PORT", "8000")
    client = Client(f"http://127.0.0.1:{port}", os.environ.get("TRAINING_API_TOKEN"))
    try:
        subprocess.run([sys.executable, "-m", "trainer.digits"], cwd=ROOT, check=True)
        with service(client) as server:
            console.print(f"Page: [bold]{client.url}[/bold]")
            code = train(client)
            if code == 0 and not detach:
                console.print(f"The service keeps running at {client.url} until Ctrl-C.")
                server.wait()
            return code
    except ClientError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
