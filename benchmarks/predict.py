"""Predictions of a model of ResNet-50's size at 224 x 224, compared with onnxruntime in a script.

One photo of 1,000 x 750 pixels as JPEG. The first answer includes the start of the process that predicts and the load
of the model. The script starts, imports onnxruntime, loads the model and predicts once. Later answers go through HTTP,
the upload and the decoding. The script then has its session and reads the same file again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import requests
from PIL import Image

from benchmarks.figures import Figure
from tests.app.written import write_model, write_run
from tests.servers import ROOT, LiveServer

FIRST_GOAL_S = 1.5
LATER_GOAL_MS = 150
NUM_LATER = 20
NUM_CLASSES = 1000
SIDE = 224

EXPORT = f"""
import sys, warnings, torch
from pathlib import Path
from transformers import ResNetConfig, ResNetForImageClassification
from trainer.model.export import export
warnings.filterwarnings("ignore")
network = ResNetForImageClassification(ResNetConfig(num_labels={NUM_CLASSES}, return_dict=False)).eval()
class Logits(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = network
    def forward(self, images):
        return self.network(images)[0]
pixels = torch.randint(0, 256, (2, 3, {SIDE}, {SIDE}), dtype=torch.uint8)
metadata = dict(class_names=[str(number) for number in range({NUM_CLASSES})], mean=[0.5] * 3, std=[0.5] * 3,
    channels=3, image_size={SIDE}, value_range=None, includes_preprocessing=False)
export(Logits(), Path(sys.argv[1]), pixels, (pixels / 255 - 0.5) / 0.5, 18, metadata)
"""
SCRIPT = f"""
import sys, time
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1])
def predict():
    image = Image.open(sys.argv[2]).convert("RGB").resize(({SIDE}, {SIDE}), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1)[None]
    logits = session.run(["logits"], {{"input": (pixels / np.float32(255) - np.float32(0.5)) / np.float32(0.5)}})[0]
    return int(logits[0].argmax())
predict()
print("first", flush=True)
for _ in range({NUM_LATER}):
    started_at = time.perf_counter()
    predict()
    print(time.perf_counter() - started_at, flush=True)
"""


def measure(rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as home:
        server = LiveServer(Path(home))
        model = write_model(write_run(server.runs_dir, "resnet-50", "completed"))
        subprocess.run([sys.executable, "-c", EXPORT, str(model)], cwd=ROOT, check=True)
        photo = Path(home) / "photo.jpg"
        rng = np.random.default_rng(0)
        Image.fromarray(rng.integers(0, 256, (75, 100, 3), np.uint8)).resize((1000, 750)).save(photo, quality=90)
        first, later, script_first, script_later = [], [], [], []
        for _ in range(rounds):
            answers = served(server, photo)
            first.append(answers[0])
            later.append(1000 * float(np.median(answers[1:])))
            alone = scripted(model, photo)
            script_first.append(alone[0])
            script_later.append(1000 * float(np.median(alone[1:])))
    script = "onnxruntime in a script"
    yield Figure("first answer", "s", first, script_first, script, goal=FIRST_GOAL_S, is_ratio=False)
    yield Figure("later answers, median", "ms", later, script_later, script, goal=LATER_GOAL_MS, is_ratio=False)


def served(server: LiveServer, photo: Path) -> list[float]:
    """Return the seconds of each answer of a service that has just started."""
    server.start()
    try:
        return [answered(server, photo) for _ in range(1 + NUM_LATER)]
    finally:
        server.kill()


def answered(server: LiveServer, photo: Path) -> float:
    started_at = time.perf_counter()
    address = f"{server.url}/training/models/resnet-50/predict"
    answer = requests.post(address, files={"image": photo.read_bytes()}, timeout=60)
    answer.raise_for_status()
    return time.perf_counter() - started_at


def scripted(model: Path, photo: Path) -> list[float]:
    """Return the seconds of the first prediction, with the start of the script, and of each later one."""
    started_at = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(model), str(photo)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        first = time.perf_counter() - started_at
        return [first, *map(float, process.stdout)]
