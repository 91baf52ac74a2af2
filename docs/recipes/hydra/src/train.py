"""A Hydra program with Lightning: `python src/train.py experiment=digits`. It leaves an ONNX file and a card."""

import json
from pathlib import Path

import hydra
import lightning as L
import torch
from omegaconf import DictConfig
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load_split(folder):
    """Load FOLDER/CLASS/*.png."""
    folder = Path(folder)
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    files = [(path, label) for label, name in enumerate(names) for path in sorted((folder / name).glob("*.png"))]
    pixels = [torch.tensor(list(Image.open(path).convert("L").tobytes())) for path, _ in files]
    images = torch.stack(pixels).reshape(-1, 1, 8, 8) / 255
    return TensorDataset(images, torch.tensor([label for _, label in files])), names


class Classifier(L.LightningModule):
    def __init__(self, num_classes, lr):
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, num_classes))

    def forward(self, images):
        return self.net(images)

    def _step(self, batch, split):
        images, labels = batch
        logits = self(images)
        loss = nn.functional.cross_entropy(logits, labels)
        self.log(f"{split}/loss", loss, on_step=False, on_epoch=True)
        self.log(f"{split}/acc", (logits.argmax(1) == labels).float().mean(), on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch, batch_idx):
        return self._step(batch, "train")

    def validation_step(self, batch, batch_idx):
        self._step(batch, "val")

    def test_step(self, batch, batch_idx):
        self._step(batch, "test")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


@hydra.main(version_base="1.3", config_path="../configs", config_name="train.yaml")
def main(cfg: DictConfig):
    L.seed_everything(cfg.seed)
    train, names = load_split(cfg.data.train_data_dir)
    val, _ = load_split(cfg.data.val_data_dir)
    test, _ = load_split(cfg.data.test_data_dir)
    model = Classifier(len(names), cfg.model.lr)
    logger = hydra.utils.instantiate(cfg.logger)
    callbacks = [hydra.utils.instantiate(each) for each in cfg.callbacks.values()]
    trainer = hydra.utils.instantiate(cfg.trainer, logger=logger, callbacks=callbacks)
    trainer.fit(model, DataLoader(train, 64, shuffle=True), DataLoader(val, 500), ckpt_path=cfg.ckpt_path)
    trained = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("train/")}
    [tested] = trainer.test(model, DataLoader(test, 500))

    folder = Path(cfg.paths.output_dir) / "checkpoints"
    folder.mkdir(exist_ok=True)
    onnx = folder / f"{cfg.model_name}.onnx"
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        model.eval(),
        (torch.zeros(2, 1, 8, 8),),
        onnx,
        input_names=["input"],
        output_names=["logits"],
        dynamic_shapes=({0: batch},),
        dynamo=True,
        external_data=False,
    )
    card = {
        "model_name": cfg.model_name,
        "dataset_name": Path(cfg.data.train_data_dir).parent.name,
        "class_names": names,
        "train_metrics": trained,
        "test_metrics": tested,
    }
    onnx.with_suffix(".json").write_text(json.dumps(card, indent=2))


if __name__ == "__main__":
    main()
