"""Lightning: audit a layer of a small convolutional network over every validation pass.

pip install lightning scikit-learn
python examples/train_lightning.py --out run.jsonl
"""

import argparse

import lightning
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from gramax.training.lightning import GeometryCallback
from gramax.training.sinks import JsonLinesSink


class Classifier(lightning.LightningModule):
    """A small convolutional network over 8×8 digits."""

    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Sequential(
            torch.nn.Conv2d(1, 32, 3),
            torch.nn.ReLU(),
            torch.nn.Conv2d(32, 64, 3),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(64 * 4 * 4, 32),
        )
        self.head = torch.nn.Linear(32, 10)

    def loss(self, batch):
        x, y = batch
        return torch.nn.functional.cross_entropy(self.head(self.encoder(x).relu()), y)

    def training_step(self, batch, batch_idx):
        return self.loss(batch)

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), 1e-3)


def loaders():
    """Training and validation digits."""
    x, y = load_digits(return_X_y=True)
    images = torch.tensor(x / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    labels = torch.tensor(y)
    for part, shuffle in ((slice(1400), True), (slice(1400, None), False)):
        rows = TensorDataset(images[part], labels[part])
        yield DataLoader(rows, batch_size=128, shuffle=shuffle)


def main(epochs=15, out="run.jsonl"):
    lightning.seed_everything(0, verbose=False)
    train, val = loaders()
    with JsonLinesSink(out, fresh=True) as sink:
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[GeometryCallback("encoder", 10, sink=sink)],
        )
        trainer.fit(Classifier(), train, val)
    found = {name: float(value) for name, value in trainer.callback_metrics.items()}
    for name, value in found.items():
        print(f"{name:45s} {value:.4f}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--out", default="run.jsonl", help="the run log")
    main(**vars(parser.parse_args()))
