"""Flax NNX, clu and plain JAX: however rows are gathered, the numbers are those of all rows."""

import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gramax import ClassMoments
from gramax.audits.headline_metrics import HEADLINE, LogConfig, floors
from gramax.errors import MissingExtraError
from gramax.training import RowCollector, measure

C, D, N = 4, 8, 48


@pytest.fixture
def batches(rng):
    """Three batches of rows with labels, one row of the last left out."""
    means = rng.normal(size=(C, D))
    labels = rng.integers(0, C, (3, N // 3))
    rows = means[labels] + 0.3 * rng.normal(size=(3, N // 3, D))
    labels[2, 5] = -1
    return jnp.asarray(rows, jnp.float32), jnp.asarray(labels, jnp.int32)


@pytest.fixture
def masked(batches):
    """All of them as one batch, with two rows that the mask leaves out."""
    z, y = batches
    rows = jnp.concatenate([z.reshape(N, D), 9 * jnp.ones((2, D))])
    labels = jnp.concatenate([y.reshape(N), jnp.array([0, 1])])
    return {"features": rows, "labels": labels, "mask": jnp.arange(N + 2) < N}


@pytest.fixture
def expected(batches):
    z, y = batches
    return measure(ClassMoments.of(z.reshape(N, D), y.reshape(N), C))


def check(found, expected):
    assert set(found) == set(HEADLINE.values())
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=2e-5, err_msg=name)


class TestNNX:
    def test_in_a_multi_metric_under_jit(self, batches, expected):
        from flax import nnx

        from gramax.training.nnx import GeometryMetric

        metrics = nnx.MultiMetric(
            accuracy=nnx.metrics.Accuracy(), geometry=GeometryMetric(C, D, features="z")
        )
        traces = []

        @nnx.jit
        def step(metrics, z, y):
            traces.append(1)
            metrics.update(z=z, logits=jax.nn.one_hot(y, C), labels=y)

        for _ in range(2):
            for z, y in zip(*batches, strict=True):
                step(metrics, z, y)
            found = metrics.compute()
            check(found["geometry"], expected)
            assert float(found["accuracy"]) == pytest.approx(47 / 48)
            metrics.reset()
            assert all(np.isnan(value) for value in metrics.compute()["geometry"].values())
        assert len(traces) == 1

    def test_masked_rows_do_not_exist_and_what_is_missing_is_named(self, masked, expected):
        from gramax.training.nnx import GeometryMetric

        metric = GeometryMetric(C, D)
        metric.update(**masked, loss=1.0)
        check(metric.compute(), expected)
        with pytest.raises(TypeError, match="needs the keyword argument 'labels'"):
            metric.update(features=jnp.ones((2, D)))


class TestClu:
    def test_merge_over_batches(self, batches, expected):
        import clu.metrics
        import flax.struct

        from gramax.training.clu import geometry_metric

        # clu reads the annotations of a collection as types, so they are given as such.
        average, geometry = clu.metrics.Average.from_output("loss"), geometry_metric(C, D)
        space = {"__annotations__": {"loss": average, "geometry": geometry}}
        kind = flax.struct.dataclass(type("Metrics", (clu.metrics.Collection,), space))
        total = kind.empty()
        for z, y in zip(*batches, strict=True):
            total = total.merge(kind.single_from_model_output(features=z, labels=y, loss=1.5))
        found = total.compute()
        check(found["geometry"], expected)
        assert float(found["loss"]) == 1.5

    def test_reduce_mask_and_empty(self, batches, masked, expected):
        from gramax.training.clu import geometry_metric

        kind = geometry_metric(C, D)
        parts = jax.vmap(lambda z, y: kind.from_model_output(features=z, labels=y))(*batches)
        check(parts.reduce().compute(), expected)
        one = kind.from_model_output(**masked)
        check(one.compute(), expected)
        for both in (one.merge(kind.empty()), kind.empty().merge(one)):
            for a, b in zip(jax.tree.leaves(both), jax.tree.leaves(one), strict=True):
                np.testing.assert_array_equal(a, b)


class TestCollector:
    @pytest.mark.parametrize("library", [np, jnp])
    def test_batches_of_any_size(self, batches, expected, monkeypatch, library):
        """Short batches of JAX are filled up, as it compiles for each shape."""
        shapes, update = set(), ClassMoments.update

        def spy(self, z, y, weight):
            shapes.add(z.shape)
            return update(self, z, y, weight)

        monkeypatch.setattr(ClassMoments, "update", spy)
        z, y = (np.asarray(one).reshape(N, -1) for one in batches)
        y = np.where(y == -1, -100, y)[:, 0]
        collector = RowCollector(C)
        for part in (slice(0, 20), slice(20, 40), slice(40, 48)):
            collector.add(library.asarray(z[part]), y[part])
        check(measure(collector.moments), expected)
        assert float(collector.moments.left_out.sum()) == 1
        assert shapes == ({(20, D)} if library is jnp else {(20, D), (8, D)})
        collector.reset()
        assert collector.moments is None

    @pytest.mark.parametrize(("z", "y"), [((3, 2, 4), (3,)), ((3, 4), (2,)), ((3,), (3,))])
    def test_shapes_are_quoted(self, z, y):
        with pytest.raises(ValueError, match=r"rows of shape .* and labels of shape"):
            RowCollector(C).add(np.ones(z, np.float32), np.zeros(y, int))

    def test_a_label_out_of_range(self):
        with pytest.raises(ValueError, match="4"):
            RowCollector(C).add(np.ones((2, D), np.float32), [0, 4])


def test_a_misspelt_metric():
    with pytest.raises(ValueError, match="did you mean effective_rank"):
        LogConfig(metrics=("efective_rank",))
    assert LogConfig(metrics=("coherence",)).metrics == ("class_coherence",)
    with pytest.raises(ValueError, match="every=0"):
        LogConfig(every=0)


def test_the_floors():
    found = floors(4, 2)  # four codes in the plane: no simplex fits
    assert found["class_coherence"] == pytest.approx(np.cos(np.pi / 4))
    assert found["effective_rank"] == 2
    assert found["class_frame_potential"] == 8
    assert found["class_simplex_error_centred"] == pytest.approx((1 / 2 - 1 / 3) ** 0.5)
    assert floors(1, 5) == {}


@pytest.mark.parametrize(
    ("name", "needs", "line"),
    [
        ("nnx", "flax.nnx", "pip install 'gramax[train]'"),
        ("clu", "clu.metrics", "pip install 'gramax[train]'"),
        ("lightning", "lightning.pytorch", "pip install lightning"),
        ("transformers", "transformers", "pip install transformers"),
        ("keras", "keras", "pip install keras"),
    ],
)
def test_a_missing_framework_is_named_with_its_install_line(monkeypatch, name, needs, line):
    monkeypatch.delitem(sys.modules, f"gramax.training.{name}", raising=False)
    monkeypatch.setitem(sys.modules, needs, None)
    with pytest.raises(MissingExtraError) as error:
        importlib.import_module(f"gramax.training.{name}")
    assert line in str(error.value)
