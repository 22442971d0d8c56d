"""Flax NNX, clu and plain JAX: however rows are gathered, the numbers are those of all rows."""

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

        for z, y in zip(*batches, strict=True):
            step(metrics, z, y)
        found = metrics.compute()
        check(found["geometry"], expected)
        assert float(found["accuracy"]) == pytest.approx(47 / 48)
        assert len(traces) == 1
        metrics.reset()
        assert all(np.isnan(value) for value in metrics.compute()["geometry"].values())
        for z, y in zip(*batches, strict=True):
            step(metrics, z, y)
        check(nnx.jit(lambda m: m.compute())(metrics)["geometry"], expected)
        assert len(traces) == 1

    def test_masked_rows_do_not_exist(self, batches, expected):
        from gramax.training.nnx import GeometryMetric

        z, y = batches
        metric = GeometryMetric(C, D)
        rows = jnp.concatenate([z.reshape(N, D), 9 * jnp.ones((2, D))])
        labels = jnp.concatenate([y.reshape(N), jnp.array([0, 1])])
        mask = jnp.arange(N + 2) < N
        metric.update(features=rows, labels=labels, mask=mask, loss=1.0)
        check(metric.compute(), expected)

    def test_what_is_missing_is_named(self):
        from gramax.training.nnx import GeometryMetric

        with pytest.raises(TypeError, match="needs the keyword argument 'labels'"):
            GeometryMetric(C, D).update(features=jnp.ones((2, D)))


class TestClu:
    def collection(self):
        import clu.metrics
        import flax.struct

        from gramax.training.clu import geometry_metric

        # clu reads the annotations of a collection as types, so they are given as such.
        space = {"__annotations__": {"loss": clu.metrics.Average.from_output("loss")}}
        space["__annotations__"]["geometry"] = geometry_metric(C, D)
        return flax.struct.dataclass(type("Metrics", (clu.metrics.Collection,), space))

    def test_merge_over_batches(self, batches, expected):
        kind = self.collection()
        total = kind.empty()
        for z, y in zip(*batches, strict=True):
            total = total.merge(kind.single_from_model_output(features=z, labels=y, loss=1.5))
        found = total.compute()
        check(found["geometry"], expected)
        assert float(found["loss"]) == 1.5

    def test_reduce_over_devices(self, batches, expected):
        from gramax.training.clu import geometry_metric

        kind = geometry_metric(C, D)
        parts = jax.vmap(lambda z, y: kind.from_model_output(features=z, labels=y))(*batches)
        check(parts.reduce().compute(), expected)

    def test_mask_and_empty(self, batches, expected):
        from gramax.training.clu import geometry_metric

        kind, (z, y) = geometry_metric(C, D), batches
        rows = jnp.concatenate([z.reshape(N, D), 9 * jnp.ones((2, D))])
        labels = jnp.concatenate([y.reshape(N), jnp.array([0, 1])])
        one = kind.from_model_output(features=rows, labels=labels, mask=jnp.arange(N + 2) < N)
        check(one.compute(), expected)
        for both in (one.merge(kind.empty()), kind.empty().merge(one)):
            for a, b in zip(jax.tree.leaves(both), jax.tree.leaves(one), strict=True):
                np.testing.assert_array_equal(a, b)


class TestCollector:
    def test_batches_of_any_size(self, batches, expected):
        z, y = np.asarray(batches[0]).reshape(N, D), np.asarray(batches[1]).reshape(N)
        y = np.where(y == -1, -100, y).astype(np.int64)
        collector = RowCollector(C)
        for part in (slice(0, 20), slice(20, 40), slice(40, 48)):
            collector.add(z[part], y[part])
        check(measure(collector.moments), expected)
        assert float(collector.moments.left_out.sum()) == 1
        collector.reset()
        assert collector.moments is None

    def test_short_batches_of_jax_are_filled_up(self, batches, monkeypatch):
        shapes, update = [], ClassMoments.update

        def spy(self, z, y, weight):
            shapes.append((z.shape, y.shape, weight.shape))
            return update(self, z, y, weight)

        monkeypatch.setattr(ClassMoments, "update", spy)
        z, y = batches[0].reshape(N, D), batches[1].reshape(N)
        collector = RowCollector(C)
        for part in (slice(0, 20), slice(20, 40), slice(40, 48)):
            collector.add(z[part], y[part])
        assert set(shapes) == {((20, D), (20,), (20,))}

    @pytest.mark.parametrize(("z", "y"), [((3, 2, 4), (3,)), ((3, 4), (2,)), ((3,), (3,))])
    def test_shapes_are_quoted(self, z, y):
        with pytest.raises(ValueError, match=r"rows of shape .* and labels of shape"):
            RowCollector(C).add(np.ones(z, np.float32), np.zeros(y, int))

    def test_a_label_out_of_range(self):
        with pytest.raises(ValueError, match="4"):
            RowCollector(C).add(np.ones((2, D), np.float32), [0, 4])


class TestConfig:
    def test_a_misspelt_metric(self):
        with pytest.raises(ValueError, match="did you mean 'effective_rank'"):
            LogConfig(metrics=("efective_rank",))
        with pytest.raises(ValueError, match="every=0"):
            LogConfig(every=0)

    def test_the_floors(self):
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
    import importlib

    monkeypatch.delitem(sys.modules, f"gramax.training.{name}", raising=False)
    monkeypatch.setitem(sys.modules, needs, None)
    with pytest.raises(MissingExtraError) as error:
        importlib.import_module(f"gramax.training.{name}")
    assert line in str(error.value)
