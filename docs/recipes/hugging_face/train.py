"""Train a small vision transformer with Hugging Face's Trainer."""

from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from transformers import HfArgumentParser, Trainer, TrainingArguments, ViTConfig, ViTForImageClassification, set_seed


@dataclass
class ModelArguments:
    hidden_size: int = field(default=32, metadata={"help": "Width of the transformer."})


class Digits(torch.utils.data.Dataset):
    def __init__(self, images, labels):
        self.images = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return {"pixel_values": self.images[index], "labels": int(self.labels[index])}


def compute_metrics(prediction):
    return {"accuracy": float(np.mean(prediction.predictions.argmax(-1) == prediction.label_ids))}


def main():
    model_args, training_args = HfArgumentParser((ModelArguments, TrainingArguments)).parse_args_into_dataclasses()
    set_seed(training_args.seed)
    images, labels = load_digits(return_X_y=True)
    train_images, eval_images, train_labels, eval_labels = train_test_split(images, labels, test_size=360)
    config = ViTConfig(
        image_size=8,
        patch_size=2,
        num_channels=1,
        num_labels=10,
        hidden_size=model_args.hidden_size,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * model_args.hidden_size,
    )
    trainer = Trainer(
        model=ViTForImageClassification(config),
        args=training_args,
        train_dataset=Digits(train_images, train_labels),
        eval_dataset=Digits(eval_images, eval_labels),
        compute_metrics=compute_metrics,
    )
    trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint)
    trainer.save_model()
    trainer.save_state()
    trainer.save_metrics("eval", trainer.evaluate())


if __name__ == "__main__":
    main()
