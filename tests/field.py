"""The field's formulas, transcribed in float64 NumPy with no thought for memory."""

import mpmath
import numpy as np
from scipy.linalg import sqrtm

EPS = np.finfo(float).eps


def unit(x):
    x = np.asarray(x, float)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def mean(x):
    """About the first row: exact for copies, whatever their number."""
    return x[0] + (x - x[0]).mean(axis=0)


def stats(z, y, *, macro=False):
    """Class means, Σ_W (1/n), Σ_B (1/K), global mean, class sizes."""
    z = np.asarray(z, float)
    classes = np.unique(y)
    means = np.stack([mean(z[y == k]) for k in classes])
    sizes = np.array([(y == k).sum() for k in classes])
    centre = mean(means) if macro else mean(z)
    within = sum((z[y == k] - m).T @ (z[y == k] - m) for k, m in zip(classes, means, strict=True))
    between = (means - centre).T @ (means - centre) / len(classes)
    return means, within / len(z), between, centre, sizes


def centred_means(z, y, *, macro=False):
    means, _, _, centre, _ = stats(z, y, macro=macro)
    return means - centre


def off_pairs(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


def nc1_pinv(z, y, **how):
    means, within, between, *_ = stats(z, y, **how)
    inverse = np.linalg.pinv(between, rcond=1e-10, hermitian=True)
    return np.trace(within @ inverse) / len(means)


def nc1_svd(z, y, **how):
    means, within, between, *_ = stats(z, y, **how)
    k, d = means.shape
    vectors, values, _ = np.linalg.svd(between)
    top = min(k - 1, d)
    inverse = vectors[:, :top] @ np.diag(1 / values[:top]) @ vectors[:, :top].T
    return np.trace(within @ inverse) / k


def nc1_quotient(z, y, **how):
    _, within, between, *_ = stats(z, y, **how)
    return np.trace(within) / np.trace(between)


def variances(z, y):
    z = np.asarray(z, float)
    return np.array(
        [np.mean(np.sum((z[y == k] - mean(z[y == k])) ** 2, axis=1)) for k in np.unique(y)]
    )


def cdnv(z, y):
    means, v = stats(z, y)[0], variances(z, y)
    gaps = np.sum((means[:, None] - means) ** 2, axis=2) + np.eye(len(v))
    return np.mean(off_pairs((v[:, None] + v) / (2 * gaps)))


def vci(z, y):
    """With 50 digits, as 1 - tr(Σ_T⁺Σ_B)/q of tight classes cancels to their scatter."""
    means, within, _, centre, sizes = stats(z, y)
    n, d = z.shape
    most = min(d, len(means) - 1)
    if n - 1 <= d:  # rows in general position: a linear map takes every class to a point
        return 0.0
    residuals = np.concatenate([z[y == k] - mean(z[y == k]) for k in np.unique(y)])
    spread = np.linalg.svd(residuals, compute_uv=False)
    if spread[0] == 0:
        return 0.0
    if spread[-1] < 1e-6 * spread[0]:
        return np.nan  # Σ_W has no inverse
    m = (means - centre) * np.sqrt(sizes / n)[:, None]
    with mpmath.workdps(50):
        between = mpmath.matrix(m).T * mpmath.matrix(m)
        inverse = (mpmath.matrix(within) + between) ** -1
        left = most - sum((inverse * between)[i, i] for i in range(d))
        return float(left / most)


def nc2_equinorm(z, y, *, ddof=0, **how):
    lengths = np.linalg.norm(centred_means(z, y, **how), axis=1)
    return lengths.std(ddof=ddof) / lengths.mean()


def nc2_equiangular(z, y, **how):
    m = unit(centred_means(z, y, **how))
    return np.mean(np.abs(off_pairs(m @ m.T) + 1 / (len(m) - 1)))


def nc2_etf_error(z, y, **how):
    m = centred_means(z, y, **how)
    k = len(m)
    g = m @ m.T
    return np.linalg.norm(g / np.linalg.norm(g) - (np.eye(k) - 1 / k) / np.sqrt(k - 1))


def gnc2_logs(z, y, **how):
    m = unit(centred_means(z, y, **how))
    return off_pairs(np.log(1 / (np.linalg.norm(m[:, None] - m, axis=2) + np.eye(len(m)))))


def gnc2_log_mean(z, y, **how):
    return gnc2_logs(z, y, **how).mean()


def gnc2_log_variance(z, y, **how):
    return gnc2_logs(z, y, **how).var()


def lidar(z, y, ridge=1e-4):
    means, within, _, centre, _ = stats(z, y)
    m = means - centre
    d = z.shape[1]
    values, vectors = np.linalg.eigh(within + ridge * np.trace(within) / d * np.eye(d))
    half = vectors @ np.diag(values**-0.5) @ vectors.T
    p = np.maximum(np.linalg.eigvalsh(half @ (m.T @ m) @ half), 0)
    p = p / p.sum()
    return np.exp(-np.sum(p * np.log(p + 1e-12)))


def eigenvalues(z, *, centred=True):
    z = np.asarray(z, float)
    if centred:
        z = z - z[0]
        z = z - z.mean(axis=0)
    return np.linalg.svd(z, compute_uv=False) ** 2


def rankme(z):
    sigma = np.linalg.svd(np.asarray(z, float), compute_uv=False)
    p = sigma / sigma.sum() + 1e-7
    return np.exp(-np.sum(p * np.log(p)))


def participation_ratio(z, **how):
    values = eigenvalues(z, **how)
    return values.sum() ** 2 / np.sum(values**2)


def isoscore(z):
    """The nine steps of Rudman et al. 2022 as published, not their closed form."""
    z = np.asarray(z, float)
    d = z.shape[1]
    _, axes = np.linalg.eigh(np.cov(z.T))
    diagonal = np.diag(np.cov((z @ axes).T))
    diagonal = np.sqrt(d) * diagonal / np.linalg.norm(diagonal)
    defect = np.linalg.norm(diagonal - 1) / np.sqrt(2 * (d - np.sqrt(d)))
    used = (d - defect**2 * (d - np.sqrt(d))) ** 2 / d**2
    return (d * used - 1) / (d - 1)


def stable_rank(z):
    z = np.asarray(z, float)
    return np.sum(z**2) / np.linalg.norm(z, 2) ** 2


def nesum(z, **how):
    values = eigenvalues(z, **how)
    return values.sum() / values.max()


def wasserstein_uniformity(z):
    """As published, by a matrix square root, of rows in units of their root mean square length."""
    z = np.asarray(z, float)
    z = z / np.sqrt(np.mean(np.sum(z**2, axis=1)))
    mean, d = z.mean(axis=0), z.shape[1]
    root = sqrtm(np.cov(z.T, bias=True)).real
    whole = np.sum(mean**2) + 1 + np.trace(np.cov(z.T, bias=True))
    return np.sqrt(whole - 2 / np.sqrt(d) * np.trace(root))


def outlier_directions(z):
    """By Johnstone's centring and scaling of the largest eigenvalue of ZᵀZ."""
    values, f, d = eigenvalues(z), len(z) - 1, np.asarray(z).shape[1]
    centre = (np.sqrt(f) + np.sqrt(d)) ** 2
    width = (np.sqrt(f) + np.sqrt(d)) * (1 / np.sqrt(f) + 1 / np.sqrt(d)) ** (1 / 3)
    return np.sum(values / (values.sum() / (f * d)) > centre + 2.0234 * width)


def nrc1(z, targets):
    values = eigenvalues(z)
    trivial = targets >= min(len(z) - 1, np.asarray(z).shape[1])
    return np.nan if trivial else values[targets:].sum() / values.sum()


def bulk_share(z):
    values = eigenvalues(z)
    values = values * (values > 1e-22 * values[0])  # what is smaller is rounding
    return values[outlier_directions(z) :].sum() / values.sum()


def alpha_req(z, first=1, last=None, **how):
    values = eigenvalues(z, **how)
    values = values[values > 1e-22 * values[0]][first - 1 : last]
    rank = np.arange(first, first + len(values))
    design = np.stack([-np.log(rank), np.ones(len(rank))], axis=1)
    w = (1 / rank)[:, None]
    return np.linalg.solve(design.T @ (w * design), design.T @ (w[:, 0] * np.log(values)))[0]


def mean_cosine(z):
    x = unit(z)
    return np.mean(off_pairs(x @ x.T))


def alignment(x, y, alpha=2):
    return np.mean(np.linalg.norm(unit(x) - unit(y), axis=1) ** alpha)


def squared_distances(x):
    x = np.asarray(x, float)
    return np.sum((x[:, None] - x) ** 2, axis=2)


def uniformity(x, t=2):
    return np.log(np.mean(np.exp(-t * off_pairs(squared_distances(unit(x))))))


def neighbours(x, k):
    d2 = squared_distances(x)
    np.fill_diagonal(d2, np.inf)
    order = np.argsort(d2, axis=1, kind="stable")[:, :k]
    return np.sqrt(np.take_along_axis(d2, order, axis=1)), order


def two_nn(x, discard=0.1):
    near, _ = neighbours(x, 2)
    logs = np.sort(np.log(near[:, 1] / near[:, 0]))
    n = len(x)
    kept = int(n * (1 - discard))
    y = -np.log(1 - np.arange(1, kept + 1) / n)
    return np.sum(logs[:kept] * y) / np.sum(logs[:kept] ** 2)


def mle_id(x, k=20, average="arithmetic"):
    near, _ = neighbours(x, k)
    inverse = np.sum(np.log(near[:, -1:] / near[:, :-1]), axis=1) / (k - 1)
    return np.mean(1 / inverse) if average == "arithmetic" else 1 / np.mean(inverse)


def hubness(x, k=10):
    counts = np.bincount(neighbours(x, k)[1].ravel(), minlength=len(x))
    gap = counts - counts.mean()
    return np.mean(gap**3) / np.mean(gap**2) ** 1.5, np.mean(counts == 0)


def cosines(codes):
    x = unit(codes)
    return x @ x.T - np.eye(len(x))


def babel(codes, m=None):
    sizes = np.sort(np.abs(cosines(codes)), axis=1)[:, ::-1]
    return sizes[:, :m].sum(axis=1).max()


def average_coherence(codes):
    return np.abs(cosines(codes).sum(axis=1)).max() / (len(codes) - 1)


def nc3_self_duality(W, means):
    m = means - means.mean(axis=0)
    return np.linalg.norm(W / np.linalg.norm(W) - m / np.linalg.norm(m))


def nc3_uniform_duality(W, means):
    return np.var(np.sum(unit(W) * unit(means - means.mean(axis=0)), axis=1))


def nc4_agreement(z, W, b, y):
    z = np.asarray(z, float)
    means = stats(z, y)[0]
    near = np.sum((z[:, None] - means) ** 2, axis=2).argmin(axis=1)
    return np.mean((z @ np.asarray(W, float).T + np.asarray(b, float)).argmax(axis=1) == near)


def nc5_orthogonality(means, outlier):
    return np.mean(np.abs(unit(means) @ unit(outlier)))
