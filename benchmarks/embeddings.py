"""Real embeddings that come with installed packages: words of Python's library, and photographs."""

from __future__ import annotations

import collections
import pathlib
import re
import sysconfig

import numpy as np
import scipy.sparse as sp

WORDS, DIM = 30_000, 256


def words() -> np.ndarray:
    """Vectors of the words in the installed Python code: positive mutual information, then SVD.

    Source:
        Levy & Goldberg 2014, Neural word embedding as implicit matrix factorization.
    """
    counts = _neighbours()
    often = np.asarray(counts.sum(axis=1)).ravel()
    pairs = counts.tocoo()
    smooth = often**0.75 / (often**0.75).sum()
    gain = np.log(pairs.data / (often[pairs.row] * smooth[pairs.col]))
    keep = gain > 0
    matrix = sp.csr_matrix((gain[keep], (pairs.row[keep], pairs.col[keep])), shape=counts.shape)
    basis = np.random.default_rng(0).normal(size=(WORDS, DIM + 16))
    for _ in range(3):
        basis = np.linalg.qr(matrix @ (matrix.T @ basis))[0]
    left, size, _ = np.linalg.svd(np.asarray((matrix.T @ basis).T), full_matrices=False)
    return ((basis @ left)[:, :DIM] * np.sqrt(size[:DIM])).astype(np.float32)


def _neighbours(reach: int = 3) -> sp.csr_matrix:
    """How often one word stands within `reach` words of another."""
    roots = (pathlib.Path(sysconfig.get_paths()[kind]) for kind in ("stdlib", "purelib"))
    files = sorted({path for root in roots for path in root.rglob("*.py")})[:10_000]
    word = re.compile(r"[A-Za-z_]{2,}")
    texts = [word.findall(path.read_text(errors="ignore")) for path in files]
    often = collections.Counter(w for text in texts for w in text).most_common(WORDS)
    number = {w: i for i, (w, _) in enumerate(often)}
    gap = [-1] * reach
    flat = np.array([i for text in texts for i in (*(number.get(w, -1) for w in text), *gap)])
    counts = sp.csr_matrix((WORDS, WORDS))
    for step in range(1, reach + 1):
        a, b = flat[:-step], flat[step:]
        known = (a >= 0) & (b >= 0)
        ones = np.ones(known.sum())
        counts += sp.coo_matrix((ones, (a[known], b[known])), shape=counts.shape).tocsr()
    return counts + counts.T


def patches(side: int = 8, step: int = 2) -> np.ndarray:
    """Patches of the photograph of a temple that comes with scikit-learn, less their mean."""
    from sklearn.datasets import load_sample_images

    picture = load_sample_images().images[0].astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
    rows = windows[::step, ::step].reshape(-1, 3 * side * side)
    return rows - rows.mean(axis=1, keepdims=True)


ALL = {"words of Python code": words, "patches of a photograph": patches}
