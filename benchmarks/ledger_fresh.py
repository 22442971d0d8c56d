"""Fresh spaces of the ledger: other data, sizes, makings and remedies than those of the others.

No threshold was chosen with them in sight. A first draw of them showed where kinds were named
wrongly, and rules were mended by it; what counts is a later draw, `DRAW`, which took no part in
anything. Where the making of a space says what it is, the kinds that are true of it are told beside
it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import numpy as np

from benchmarks.ledger_spaces import Rows, Space

DRAW = 2
"""Which draw of the fresh spaces this is: put it up when rules were mended by the last."""

APART, OVERLAP, RANDOM = ("healthy", "neural-collapsed"), ("overlapping",), ("random",)
MERGED = ("overlapping", "classes merged")  # of many codes at random, two may all but coincide


def fresh_families() -> dict[str, Iterator[Space]]:
    """The spaces of each family, which are made when they are asked for."""
    makers = {
        "glyphs": glyphs,
        "rules": rules,
        "other tables": tables,
        "photographs": photographs,
        "other sentences": sentences,
        "known truth": known,
    }
    return {family: mixed(family, make()) for family, make in makers.items()}


def mixed(family: str, made: Iterator[tuple]) -> Iterator[Space]:
    """The rows of each space in random order."""
    for name, z, y, *makings in made:
        order = np.random.default_rng((7, DRAW)).permutation(len(z))
        y = np.unique(y, return_inverse=True)[1][order]
        yield Space(family, name, np.asarray(z)[order], y, tuple(makings))


def pca(x: Rows, m: int) -> Rows:
    x = x - x.mean(0)
    return x @ np.linalg.svd(x, full_matrices=False)[2][:m].T


def learned(x: Rows, y: np.ndarray, width: int) -> tuple[Rows, np.ndarray]:
    """Features of a rectified network of one layer that has learned from the other half."""
    from sklearn.neural_network import MLPClassifier

    net = MLPClassifier((width,), max_iter=60, random_state=3 + 10 * DRAW).fit(x[::2], y[::2])
    return np.maximum(x[1::2] @ net.coefs_[0] + net.intercepts_[0], 0), y[1::2]


# -- real data ------------------------------------------------------------------------------------

ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789")
ALPHABETS = (*ALPHABETS, "αβγδεζηθικλμνξοπρστυφχψω", "!?&%$#@+=*(<{/")


def drawn(copies: int = 24) -> tuple[Rows, np.ndarray, np.ndarray]:
    """100 characters in the typefaces that matplotlib brings, moved and turned: 16 × 16 pixels.

    Rows, their characters, and the alphabets of these.
    """
    from matplotlib import font_manager
    from PIL import Image, ImageDraw, ImageFont

    rng = np.random.default_rng((11, DRAW))
    folder = font_manager.findfont("DejaVu Sans").rsplit("/", 1)[0]
    faces = ("Sans", "Sans-Bold", "Sans-Oblique", "SansMono", "Serif", "Serif-Bold")
    fonts = [ImageFont.truetype(f"{folder}/DejaVu{face}.ttf", 12) for face in faces]
    rows, which, kinds = [], [], []
    for k, letter in enumerate("".join(ALPHABETS)):
        for _ in range(copies):
            image = Image.new("L", (16, 16))
            at = tuple(8 + rng.uniform(-1.5, 1.5, 2))
            ImageDraw.Draw(image).text(at, letter, 255, fonts[rng.integers(len(fonts))], "mm")
            rows.append(np.asarray(image.rotate(rng.uniform(-10, 10))).ravel() / 255)
            which.append(k)
            kinds.append(next(i for i, some in enumerate(ALPHABETS) if letter in some))
    return np.array(rows, np.float32), np.array(which), np.array(kinds)


def glyphs() -> Iterator[tuple]:
    x, y, alphabet = drawn()
    rng = np.random.default_rng((12, DRAW))
    digits, letters = alphabet == 2, alphabet == 0
    few = np.arange(len(x)) % 24 < 8
    yield "100 characters, PCA to 40", pca(x[few], 40), y[few]
    yield "100 characters, random projection to 12", x[few] @ rng.normal(size=(256, 12)), y[few]
    for width in (12, 24):
        z, labels = learned(x, y, width)
        half = np.arange(len(z)) % 12 < 8
        yield f"100 characters, network of {width}", z[half], labels[half]
    zipf = np.arange(len(x)) % 24 < np.maximum(24 / (1 + y % 25), 3)
    yield "100 characters, sizes by Zipf's law", pca(x[zipf], 40), y[zipf]
    yield "5 alphabets, pixels", x[few], alphabet[few]
    yield "5 alphabets, whitened", whitened(x[few], 60), alphabet[few]
    yield "digits, pixels", x[digits], y[digits]
    yield "26 letters, pixels", x[letters], y[letters]
    yield "26 letters, discriminant axes", discriminant(x[letters], y[letters]), y[letters][1::2]
    pair = np.isin(y, ["".join(ALPHABETS).index(one) for one in "O0"])
    yield "O and 0", x[pair], y[pair]


def whitened(x: Rows, m: int) -> Rows:
    z = pca(x, m)
    return z / z.std(0)


def discriminant(x: Rows, y: np.ndarray) -> Rows:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    learner = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.3)
    return learner.fit(x[::2], y[::2]).transform(x[1::2])


def tables() -> Iterator[tuple]:
    """Tables of scikit-learn in other coordinates and with other labels."""
    from sklearn import datasets
    from sklearn.kernel_approximation import RBFSampler
    from sklearn.preprocessing import PolynomialFeatures

    rng = np.random.default_rng((13, DRAW))

    def standard(load):
        x, y = load(return_X_y=True)
        return (x - x.mean(0)) / x.std(0), y

    x, y = standard(datasets.load_wine)
    yield (
        "wine, random Fourier features",
        RBFSampler(gamma=0.02, n_components=200, random_state=1 + 10 * DRAW).fit_transform(x),
        y,
    )
    yield "wine, labels shuffled", x, rng.permutation(y), *RANDOM
    x, y = standard(datasets.load_iris)
    yield "iris, products", PolynomialFeatures(3).fit_transform(x), y
    x, y = standard(datasets.load_breast_cancer)
    yield "cancer, two axes", pca(x, 2), y
    yield "cancer, network of 4", *learned(x, y, 4)
    rare = np.flatnonzero(y == 0)[:30]
    some = np.concatenate([np.flatnonzero(y == 1), rare])
    yield "cancer, 12 to 1", x[some], y[some]
    x, y = standard(datasets.load_diabetes)
    yield "diabetes, quartiles of progression", x, np.digitize(y, np.quantile(y, (0.25, 0.5, 0.75)))
    shares = (0.365, 0.488, 0.062, 0.02, 0.02, 0.02, 0.025)
    for apart in (0.7, 2.5):
        x, y = datasets.make_classification(
            1000,
            54,
            n_informative=12,
            n_redundant=20,
            n_classes=7,
            n_clusters_per_class=2,
            weights=list(shares),
            class_sep=apart,
            random_state=5 + 10 * DRAW,
        )
        yield f"like covtype, {apart:g} apart", x, y


def photographs() -> Iterator[tuple]:
    """Patches of two photographs, and which one they are of."""
    from sklearn.datasets import load_sample_images
    from sklearn.feature_extraction.image import extract_patches_2d

    patches = [
        extract_patches_2d(image, (8, 8), max_patches=400, random_state=2 + 10 * DRAW).reshape(
            400, -1
        )
        for image in load_sample_images().images
    ]
    x, y = np.concatenate(patches) / 255.0, np.arange(800) // 400
    yield "patches", x, y
    yield "patches, PCA to 10", pca(x, 10), y
    yield (
        "patches, network of 32",
        *learned(x[np.r_[0:800:2, 1:800:2]], y[np.r_[0:800:2, 1:800:2]], 32),
    )


SUBJECTS = ("argparse", "threading", "email.header", "logging.handlers", "unittest", "statistics")
SUBJECTS = (*SUBJECTS, "multiprocessing", "fractions", "zipfile", "http.client", "configparser")
SUBJECTS = (*SUBJECTS, "matplotlib.figure", "matplotlib.scale", "jax.nn", "jax.random")
SUBJECTS = (*SUBJECTS, "sklearn.ensemble", "sklearn.svm", "sklearn.decomposition")


def sentences(most: int = 36) -> Iterator[tuple]:
    """First sentences of docstrings, of functions and of methods, of other modules."""
    from docs.studies import encode_sentences as minilm
    from sklearn.feature_extraction.text import HashingVectorizer

    found: dict[str, int] = {}
    for label, module in enumerate(SUBJECTS):
        package, taken = importlib.import_module(module), 0
        holders = [package, *(v for v in vars(package).values() if inspect.isclass(v))]
        for value in (v for holder in holders for v in vars(holder).values()):
            doc = inspect.getdoc(value) if callable(value) else None
            text = " ".join((doc or "").split("\n\n")[0].split())
            if len(text) > 25 and text not in found and taken < most:
                found[text], taken = label, taken + 1
    texts, y = list(found), np.array(list(found.values()))
    ids, mask, weights = minilm.tokens(texts)
    parts: list[list[Rows]] = []
    for start in range(0, len(ids), 64):
        there = mask[start : start + 64]
        layers = list(minilm.layers(ids[start : start + 64], there, weights))
        pool = there[:, :, None] / there.sum(1)[:, None, None]
        parts.append([(layers[k] * pool).sum(1) for k in (3, -1)])
    middle, last = (np.concatenate(some) for some in zip(*parts, strict=True))
    yield "18 modules", last, y
    yield "18 modules, third layer", middle, y
    yield "18 modules, centred", last - last.mean(0), y
    yield "18 modules, 100 directions whitened", whitened(last, 100), y
    yield "18 modules, every twelfth dimension", last[:, ::12], y
    packages = np.array([SUBJECTS[k].split(".")[0] for k in y])
    owner = np.where(np.isin(packages, ["matplotlib", "jax", "optax", "sklearn"]), packages, "std")
    yield "5 owners of modules", last, owner
    hashed = HashingVectorizer(n_features=512, analyzer="char_wb", ngram_range=(3, 3))
    trigrams = hashed.fit_transform(texts).toarray()
    yield "18 modules, hashed trigrams", trigrams, y
    yield "18 modules, trigrams to 12", pca(trigrams, 12), y
    yield (
        "18 modules, labels shuffled",
        last,
        np.random.default_rng((14, DRAW)).permutation(y),
        *RANDOM,
    )


# -- known truth ----------------------------------------------------------------------------------


def rules(n: int = 900) -> Iterator[tuple]:
    """Rules that draw rows (Breiman 1996, 1984), of which the least error is known."""
    from sklearn.datasets import make_circles, make_gaussian_quantiles, make_moons

    rng = np.random.default_rng((15, DRAW))
    y, at = np.arange(n) % 3, np.arange(1, 22)
    waves = np.maximum(6 - np.abs(at - np.array([[11], [15], [7]])), 0)
    share = rng.uniform(size=(n, 1))
    wave = share * waves[y] + (1 - share) * waves[(y + 1) % 3] + rng.normal(size=(n, 21))
    yield "waveform", wave, y, *OVERLAP  # least error 14 %
    noise = np.hstack([wave, rng.normal(size=(n, 80))])
    yield "waveform among noise", noise, y, *OVERLAP
    y = np.arange(n) % 2
    a = 2 / np.sqrt(20)
    twins = rng.normal(size=(n, 20)) + a * (2 * y[:, None] - 1)
    yield "twonorm", twins, y, *APART  # least error 2.3 %
    ring = np.where(y[:, None], rng.normal(size=(n, 20)) + a / 2, 2 * rng.normal(size=(n, 20)))
    yield "ringnorm", ring, y, *OVERLAP
    segments = np.array(
        [
            int(s, 2)
            for s in (
                "1110111",
                "0010010",
                "1011101",
                "1011011",
                "0111010",
                "1101011",
                "1101111",
                "1010010",
                "1111111",
                "1111011",
            )
        ]
    )
    y = np.arange(n) % 10
    lit = segments[y, None] >> np.arange(7) & 1
    lit = lit ^ (rng.uniform(size=lit.shape) < 0.1)
    display = np.hstack([lit, rng.integers(0, 2, size=(n, 17))])
    yield "display of 7 segments and 17 that say nothing", display, y, *OVERLAP  # 26 %
    x, y = make_moons(n, noise=0.08, random_state=4 + 10 * DRAW)
    yield "moons, lifted", np.hstack([x - x.mean(0), np.ones((n, 1))]), y, *APART
    x, y = make_circles(n, noise=0.08, factor=0.4, random_state=4 + 10 * DRAW)
    yield "circles, lifted", np.hstack([x, np.ones((n, 1))]), y, *APART
    x, y = make_gaussian_quantiles(
        n_samples=n, n_features=10, n_classes=3, random_state=4 + 10 * DRAW
    )
    yield "shells, told by length alone", x, y, *RANDOM


def around(codes: Rows, rows: int, noise: float, rng: np.random.Generator) -> tuple:
    """So many rows a class about its code, `noise` the length of what is added."""
    y = np.repeat(np.arange(len(codes)), rows)
    d = codes.shape[1]
    return codes[y] + noise * rng.normal(size=(len(y), d)) / np.sqrt(d), y


def known(d: int = 48) -> Iterator[tuple]:
    """Spaces made to be of a kind."""
    rng = np.random.default_rng((16, DRAW))
    ball = lambda c, d: (x := rng.normal(size=(c, d))) / np.linalg.norm(x, axis=1)[:, None]  # noqa: E731
    for c in (2, 10, 100):
        turn = np.linalg.qr(rng.normal(size=(128, 128)))[0][:c]
        codes = turn - turn.mean(0)
        yield f"simplex of {c}, tight", *around(codes, 800 // c, 0.05, rng), "neural-collapsed"
    for kind, gap in (("apart", 3.0), ("overlap", 0.8)):
        z, y = around(gap * ball(30, d), 30, 1.5, rng)
        yield f"30 classes that {kind}", z, y, *(APART if kind == "apart" else OVERLAP)
    codes = 3 * ball(10, d)
    codes[4] = codes[8]
    yield "two of ten are one", *around(codes, 60, 1.5, rng), "classes merged"
    z, y = around(codes := 3 * ball(6, d), 80, 1.5, rng)
    spread = np.where(y[:, None] == 5, codes[4] + 4 * (z - codes[5]), z)
    yield "two of six lie around each other", spread, y, *APART
    yield (
        "rows are one point",
        np.ones((500, d)) + 1e-9 * rng.normal(size=(500, d)),
        np.arange(500) % 5,
        "point-collapsed",
    )
    yield "a high cone, told apart", z + 300, y, *APART
    one = np.where(y[:, None] == 2, z[y == 2][0], z)
    yield "a class is a point", one, y, *APART
    yield "labels shuffled", z, rng.permutation(y), *RANDOM
    corner = np.arange(800) % 4
    square = 4 * ((corner[:, None] >> np.arange(2) & 1) * 2 - 1) + rng.normal(size=(800, 2))
    xor = np.hstack([square, rng.normal(size=(800, d - 2))])
    yield "four places, two classes", xor, np.isin(corner, (0, 3)), "interleaved"
    z, y = around(3 * ball(12, d), 70, 1.5, rng)
    yield "spectrum by a power law", z * np.arange(1, d + 1.0) ** -1, y
    branches = np.repeat(6 * ball(4, d), 8, axis=0) + 2 * ball(32, d)
    yield "32 classes on 4 branches", *around(branches, 25, 0.8, rng), *APART
    yield "32 rows of 2 classes each", *around(4 * ball(2, 2048), 16, 20.0, rng), *APART
    yield "100 classes of 5 rows", *around(3 * ball(100, 128), 5, 2.0, rng), *APART
    two = around(3 * ball(2, d), 400, 1.5, rng)
    few = np.r_[0:400, 400:412]
    yield "400 rows and 12", two[0][few], two[1][few], *APART
    tails = codes[np.arange(900) % 6] + 0.25 * rng.standard_t(3, size=(900, d))
    yield "heavy tails", tails, np.arange(900) % 6, *APART
    z, y = around(codes, 150, 1.5, rng)
    z[y == 1] = z[y == 1][np.arange(150) % 20]
    yield "copies", z, y, *APART
    yield "60 random codes in 12 dimensions", *around(ball(60, 12), 15, 0.15, rng), *APART
    near = ball(60, 12)
    near[30:] = near[:30] + 0.25 * ball(30, 12)
    yield "60 codes in 12 dimensions, two and two", *around(near, 15, 0.08, rng), *APART
    lines = np.vstack([np.eye(16), -np.eye(16)])
    yield "32 codes in 16 dimensions, as they can be", *around(lines, 25, 0.2, rng), *APART
    yield "the same, drowned", *around(lines, 25, 2.5, rng), *OVERLAP
    yield "30 codes in 4 dimensions, drowned", *around(ball(30, 4), 30, 1.0, rng), *MERGED
