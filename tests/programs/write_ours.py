"""Write files with the names of the service's own, but other content, into a folder: `write_ours.py FOLDER`."""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])
for name in ("run.json", "state.json", "result.json", "report.json", "stop.json", "classification_model.json"):
    content = {"state": "failed", "reason": "not ours", "completed_at": "2000", "mode": "discard", "accuracy": 1}
    content |= {"model_name": "theirs", "model_path": "checkpoints/theirs.onnx", "request": {"model_name": "theirs"}}
    (folder / name).write_text(json.dumps(content))
(folder / "config.yaml").write_text("lr: 0.1\n")
(folder / "train.log").write_text("their log\n")
(folder / "checkpoints").mkdir()
(folder / "checkpoints" / "theirs.onnx").write_text("their network")
(folder / "checkpoints" / "last.ckpt").write_text("their checkpoint")
(folder / "metrics.csv").write_text("epoch,step,train/loss\n0,9,0.5\n")
(folder / "progress.json").write_text('{"epoch": 1, "max_epochs": 1}')
print("our log", flush=True)
