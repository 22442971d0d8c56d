"""Every function of arrays on every array library, held to formulas in float64."""

import numpy as np
import pytest
from tests import field
from tests import transcription as seed
from tests.libraries.libraries import every_library
from tests.libraries.reference import LONG, C, D, codes_of, expected, rows

import gramax
from gramax import metrics

Z, Y = rows()
RNG = np.random.default_rng(4)
CODES = RNG.normal(size=(11, 3)) * np.exp(RNG.normal(size=(11, 1)))
CODES[4] = 0
WEIGHTS, BIAS, OTHER = RNG.normal(size=(C, D)), RNG.normal(size=C), RNG.normal(size=Z.shape)
MEANS = RNG.normal(size=(C, D))
SIX = ("collapse_ratio", "within_class_variance", "class_simplex_error", "class_coherence")


def there(x):
    return x[np.any(x != 0, axis=1)]


def class_means(z, y):
    found = np.zeros((C, D))
    found[np.unique(y)] = codes_of(seed.unit(z), y)
    return found


def simplex_step(x, lr):
    """A step down the gradient of the mean square error, along the sphere."""
    x = field.unit(x)
    gaps = x @ x.T - seed.simplex_gram(len(x))
    slope = 4 / len(x) ** 2 * (gaps - np.diag(np.diag(gaps))) @ x
    slope -= np.sum(slope * x, axis=1, keepdims=True) * x
    return field.unit(x - lr * slope)


def six(z, y):
    sphere = expected(z, y, True)
    numbers = {name: sphere[name] for name in (*SIX, "class_welch_gap")}
    return numbers | {"effective_rank": seed.effective_rank(z)}


def worst_pairs(x, k):
    """By decreasing |cosine|; pairs with the zero row are none."""
    unit = np.where(np.any(x != 0, axis=1)[:, None], x, np.nan)
    a, b = np.triu_indices(len(x), 1)
    cosines = np.sum(field.unit(unit)[a] * field.unit(unit)[b], axis=1)
    order = np.argsort(-np.nan_to_num(np.abs(cosines), nan=-1), kind="stable")[:k]
    return np.stack([a, b], axis=1)[order], cosines[order]


def of_labels(name, normalize=True):
    function = lambda z, y: getattr(metrics, name)(z, y, C)  # noqa: E731
    return function, (Z, Y), lambda z, y: expected(z, y, normalize)[name]


# By name: the function, its arrays, and the same in float64.
CASES = {
    "l2_normalize": (gramax.l2_normalize, (Z,), lambda z: seed.unit(z)),
    "gram": (gramax.gram, (Z,), lambda z: seed.unit(z) @ seed.unit(z).T),
    "class_means": (lambda z, y: gramax.class_means(z, y, C), (Z, Y), class_means),
    **{name: of_labels(name) for name in SIX[:2]},
    "scatter_ratio": of_labels("scatter_ratio", normalize=False),
    "covariance_eigs": (gramax.covariance_eigs, (Z,), seed.covariance_eigs),
    "effective_rank": (gramax.effective_rank, (Z,), seed.effective_rank),
    "effective_rank, eps": (
        lambda z: gramax.effective_rank(z, 0.25),
        (Z,),
        lambda z: seed.effective_rank(z, 0.25),
    ),
    "simplex_error": (gramax.simplex_error, (MEANS,), lambda x: seed.simplex_error(LONG * x)),
    "simplex_error, many": (
        gramax.simplex_error,
        (CODES,),
        lambda x: seed.simplex_error(LONG * there(x)),
    ),
    "simplex_step": (
        lambda x: gramax.simplex_step(x, 0.01),
        (MEANS,),
        lambda x: simplex_step(x, 0.01),
    ),
    "coherence": (gramax.coherence, (CODES,), lambda x: seed.coherence(LONG * there(x))),
    "welch_gap": (gramax.welch_gap, (CODES,), lambda x: seed.welch_gap(LONG * there(x))),
    "smooth_coherence_loss": (
        lambda x: gramax.smooth_coherence_loss(x, 9.0),
        (CODES,),
        lambda x: seed.smooth_coherence_loss(LONG * there(x), 9.0),
    ),
    "frame_potential": (gramax.frame_potential, (CODES,), seed.frame_potential),
    "latent_geometry_report": (
        lambda z, y: gramax.latent_geometry_report(z, y, C),
        (Z, Y),
        six,
    ),
    "babel": (metrics.babel, (CODES,), lambda x: field.babel(there(x))),
    "babel of 3": (lambda x: metrics.babel(x, 3), (CODES,), lambda x: field.babel(there(x), 3)),
    "average_coherence": (
        metrics.average_coherence,
        (CODES,),
        lambda x: field.average_coherence(there(x)),
    ),
    "worst_pairs": (lambda x: metrics.worst_pairs(x, 7), (CODES,), lambda x: worst_pairs(x, 7)),
    "gnc2_log": (
        lambda z, y: tuple(metrics.gnc2_log(z, y, C)),
        (Z, Y),
        lambda z, y: (field.gnc2_log_mean(z, y), field.gnc2_log_variance(z, y)),
    ),
    "alpha_req, ranks": (
        lambda z: metrics.alpha_req(z, first=2, last=4),
        (Z,),
        lambda z: field.alpha_req(z, 2, 4),
    ),
    "mean_cosine": (metrics.mean_cosine, (Z,), field.mean_cosine),
    "alignment": (metrics.alignment, (Z, OTHER), field.alignment),
    "alignment, alpha": (
        lambda x, y: metrics.alignment(x, y, 3.0),
        (Z, OTHER),
        lambda x, y: field.alignment(x, y, 3.0),
    ),
    "uniformity": (metrics.uniformity, (Z,), field.uniformity),
    "nc3_self_duality": (metrics.nc3_self_duality, (WEIGHTS, MEANS), field.nc3_self_duality),
    "nc3_uniform_duality": (
        metrics.nc3_uniform_duality,
        (WEIGHTS, MEANS),
        field.nc3_uniform_duality,
    ),
    "nc4_agreement": (
        lambda z, W, b, y: metrics.nc4_agreement(z, W, b, y, C - 1),
        (Z, WEIGHTS[1:], BIAS[1:], np.unique(Y, return_inverse=True)[1]),
        field.nc4_agreement,
    ),
    "nc5_orthogonality": (metrics.nc5_orthogonality, (MEANS, OTHER[0]), field.nc5_orthogonality),
}


@every_library
@pytest.mark.parametrize("name", CASES)
def test_every_function(library, name):
    function, arrays, right = CASES[name]
    found = library.run(function, *arrays)
    exact = [library.rounded(a) if np.asarray(a).dtype.kind == "f" else a for a in arrays]
    right = right(*exact)
    if isinstance(right, dict):
        assert set(found) == set(right)
        found, right = tuple(found.values()), tuple(right[name] for name in found)
    elif not isinstance(right, tuple):
        found, right = (found,), (right,)
    for one, other in zip(found, right, strict=True):
        library.close(one, other, name)
