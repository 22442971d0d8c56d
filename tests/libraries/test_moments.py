"""The moments of rows against their definitions, on every array library."""

import numpy as np
import pytest
from tests import field
from tests.libraries.libraries import every_library

from gramax import ClassMoments
from gramax.metrics.evidence import Evidence
from gramax.moments import class_moments

N, D, C = 24, 4, 5
RNG = np.random.default_rng(11)
Y = np.array([0] * 9 + [1] * 6 + [2] * 8 + [3])[RNG.permutation(N)]  # class 4 is absent
Z = (RNG.normal(size=(N, D)) + 3 * np.eye(D)[Y]) * np.exp(RNG.normal(size=(N, 1)))
W = RNG.choice([1.0, 0.5, 2.0, 0.0], N)


def leaves(m):
    return m.counts, m.anchor, m.mean, m.spread, m.scatter, m.left_out.sum(axis=0), m.rows[0]


def right(z, y, w, normalize):
    """Weights, class means, spreads and the pooled scatter."""
    x = field.unit(z) if normalize else z
    counts, means, spread, scatter = np.zeros(C), np.zeros((C, D)), np.zeros(C), np.zeros((D, D))
    for k in range(C):
        of = (y == k) & (w > 0)
        if of.any():
            counts[k] = w[of].sum()
            means[k] = np.average(x[of], axis=0, weights=w[of])
            gap = x[of] - means[k]
            spread[k] = np.sum(w[of] * np.sum(gap**2, axis=1))
            scatter += (w[of][:, None] * gap).T @ gap
    return counts, means, spread, scatter


def check(found, library, z, y, w, normalize):
    counts, anchor, mean, spread, scatter, *_ = found
    base = anchor.astype(float)
    if normalize:
        base[counts > 0] = field.unit(base[counts > 0])
    expected = right(z, y, w, normalize)
    for one, other in zip((counts, base + mean, spread, scatter), expected, strict=True):
        size = max(1, np.abs(other).max())
        np.testing.assert_allclose(one, other, rtol=0, atol=library.tolerance * size)


@every_library
@pytest.mark.parametrize("normalize", [True, False], ids=["sphere", "raw"])
def test_streams_and_merges_are_the_definition(library, normalize):
    """Batch by batch, in parts in which different classes are absent, and with empty moments."""
    order = np.argsort(Y, kind="stable")
    z, y, w = Z[order], Y[order], W[order]
    cuts = slice(0, 7), slice(7, 19), slice(19, N)

    def every_way(z, y, w):
        empty = ClassMoments.empty(C, D, normalize=normalize)
        parts = [empty.update(z[at], y[at], w[at]) for at in cuts]
        streamed = empty
        for at in cuts:
            streamed = streamed.update(z[at], y[at], w[at])
        merged = parts[2].merge(empty).merge(parts[0]).merge(empty.merge(parts[1]))
        plain = empty.update(z, y)
        return tuple(map(leaves, (streamed, merged, plain)))

    streamed, merged, plain = library.run(every_way, z, y, w)
    z = library.rounded(z)
    for found, weights in ((streamed, w), (merged, w), (plain, np.ones(N))):
        check(found, library, z, y, weights, normalize)
    np.testing.assert_array_equal(streamed[6], np.bincount(y[w > 0], minlength=C))


@every_library
@pytest.mark.parametrize("normalize", [True, False], ids=["sphere", "raw"])
def test_what_is_left_out_is_counted(library, normalize):
    z, y, w = Z.copy(), Y.copy(), np.ones(N)
    y[0], y[8] = -1, -1
    z[3], z[4, 1], z[5, 0], w[7] = 0, np.nan, np.inf, 0
    found = library.run(
        lambda *rows: leaves(ClassMoments.empty(C, D, normalize=normalize).update(*rows)), z, y, w
    )
    keep = ~np.isin(np.arange(N), [0, 4, 5, 7, 8] + [3] * normalize)
    check(found, library, library.rounded(z[keep]), y[keep], w[keep], normalize)
    reasons = dict(zip(class_moments.REASONS, found[5], strict=True))
    assert reasons == {
        "ignored_label": 2,
        "label_out_of_range": 0,
        "not_finite_row": 2,
        "zero_row": int(normalize),
    }


def test_precision_is_remembered():
    m = ClassMoments.of(Z, Y, C)
    assert m.merge(m).summed is None
    narrow = ClassMoments.empty(C, D, dtype=np.float32)
    assert narrow.widened().summed == m.merge(narrow.widened()).summed == "float32"
    assert m.update(Z.astype(np.float32), Y).mean.dtype == np.float64
    with pytest.raises(ValueError, match="rows of length 3; these moments hold length 4"):
        m.update(Z[:, :3], Y)
    with pytest.raises(ValueError, match=r"row 2: label 5 is outside 0\.\.4"):
        ClassMoments.of(Z, np.where(np.arange(N) == 2, C, Y), C)


def test_evidence():
    e = Evidence(ClassMoments.of(Z, Y, C, normalize=False))
    means = np.zeros((C, D))
    means[:4] = field.stats(Z, Y)[0]
    np.testing.assert_allclose(e.origin_means, means, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(e.total_trace, Z.var(axis=0).sum(), rtol=1e-11)
    np.testing.assert_allclose(e.covariance, np.cov(Z.T), rtol=1e-10)
    np.testing.assert_allclose(e.second_moment, Z.T @ Z / N, rtol=1e-10)
    np.testing.assert_allclose(e.square_sum, np.sum(Z**2), rtol=1e-11)
    for name in ("means", "centred", "origin_means", "directions", "codes", "centred_codes"):
        np.testing.assert_array_equal(getattr(e, name)[4], 0, err_msg=name)  # class 4 is absent


def test_a_class_mean_at_the_global_mean_has_no_direction():
    """What is left of it is rounding, which points somewhere."""
    z = np.array([[0.3, 0.1], [1.0, 0.4], [0.65, 0.25]])
    e = Evidence(ClassMoments.of(z, np.arange(3), 3, normalize=False))
    assert np.linalg.norm(e.centred[2]) < 4 * np.finfo(float).eps
    np.testing.assert_array_equal(e.directions[2], 0)
    np.testing.assert_allclose(np.linalg.norm(e.directions[:2], axis=1), 1, rtol=1e-6)
