"""Hugging Face Trainer: audit a small BERT that learns which package a docstring is from.

    pip install transformers accelerate torch
    python examples/train_hf.py --out run.jsonl

The texts are the docstrings of packages that are installed anyway; nothing is downloaded.
"""

import argparse
import importlib
import inspect
import pkgutil
import re
import tempfile
import zlib

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from gramax.training.sinks import JsonLinesSink
from gramax.training.transformers import GeometryCallback

PACKAGES = (
    "numpy.linalg",
    "scipy.stats",
    "scipy.signal",
    "sklearn.metrics",
    "sklearn.linear_model",
)
WORDS, LENGTH = 4096, 48


def sentences(package):
    """The longer sentences in the docstrings of a package."""
    root = importlib.import_module(package)
    modules = [root]
    for found in pkgutil.iter_modules(root.__path__, f"{package}."):
        if "test" not in found.name:
            modules.append(importlib.import_module(found.name))
    docs = {inspect.getdoc(value) or "" for module in modules for value in vars(module).values()}
    parts = re.split(r"(?<=[.:])\s+", "\n".join(sorted(docs)))
    return [" ".join(part.split()) for part in parts if 6 <= len(part.split()) <= 40]


def encode(text):
    """Words as numbers, by hashing: 0 pads, 1 stands first."""
    words = re.findall(r"[a-z]+", text.lower())[: LENGTH - 1]
    ids = [1] + [2 + zlib.crc32(word.encode()) % (WORDS - 2) for word in words]
    return {
        "input_ids": ids + [0] * (LENGTH - len(ids)),
        "attention_mask": [1] * len(ids) + [0] * (LENGTH - len(ids)),
    }


def corpus(most=400):
    """Training and validation rows, as many of every package."""
    rng, rows = np.random.default_rng(0), []
    for label, package in enumerate(PACKAGES):
        found = sentences(package)
        for at in rng.permutation(len(found))[:most]:
            rows.append({**encode(found[at]), "labels": label})
    rows = [rows[k] for k in rng.permutation(len(rows))]
    cut = round(0.8 * len(rows))
    return rows[:cut], rows[cut:]


def main(epochs=5, out="run.jsonl", most=400):
    torch.manual_seed(0)
    train, val = corpus(most)
    shape = BertConfig(
        vocab_size=WORDS,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=LENGTH,
        num_labels=len(PACKAGES),
    )
    with tempfile.TemporaryDirectory() as folder, JsonLinesSink(out, fresh=True) as sink:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=64,
            per_device_eval_batch_size=128,
            learning_rate=2e-3,
            eval_strategy="epoch",
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        model = BertForSequenceClassification(shape)
        trainer = Trainer(model, arguments, train_dataset=train, eval_dataset=val)
        trainer.add_callback(
            GeometryCallback(trainer, "bert.pooler", len(PACKAGES), sink=sink, classes=PACKAGES)
        )
        trainer.train()
    return [line for line in trainer.state.log_history if "latent/eval/collapse_ratio" in line]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--out", default="run.jsonl", help="the run log")
    parser.add_argument("--most", type=int, default=400, help="sentences of a package")
    main(**vars(parser.parse_args()))
