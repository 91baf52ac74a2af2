"""Train a small network with Keras, on any of its backends."""

import argparse
from pathlib import Path

import keras
from sklearn.datasets import load_digits


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.01)
    args = parser.parse_args()

    keras.utils.set_random_seed(0)
    images, labels = load_digits(return_X_y=True)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(args.lr), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        images.reshape(-1, 8, 8, 1) / 16,
        labels,
        validation_split=0.2,
        epochs=args.epochs,
        callbacks=[
            keras.callbacks.CSVLogger(args.output_dir / "training.log", append=True),
            keras.callbacks.BackupAndRestore(args.output_dir / "backup"),
            keras.callbacks.ModelCheckpoint(args.output_dir / "best.keras", "val_accuracy", save_best_only=True),
        ],
    )


if __name__ == "__main__":
    main()
