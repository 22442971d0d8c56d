"""From moments to an entry of the run log, and the examples that train and log in JAX."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock, patch

import jax.numpy as jnp
import numpy as np
import pytest

from gramax import ClassMoments, audit
from gramax.audits.audit import audit_moments
from gramax.audits.portrait import portrait_of
from gramax.audits.run_reader import read_runs
from gramax.audits.snapshot import snapshot
from gramax.render.single_pictures import gram_picture
from gramax.training.sinks import log_report

C, D, N = 10, 32, 120  # the shape of the examples: everything compiles once
LETTERS = tuple("abcdefghij")


@pytest.fixture
def rows(rng):
    labels = np.arange(N) % C
    z = rng.normal(size=(C, D))[labels] + 0.3 * rng.normal(size=(N, D))
    return z.astype(np.float32), labels


@pytest.fixture
def moments(rows):
    return ClassMoments.of(*rows, C)


def test_numbers_are_those_of_the_audit(moments):
    taken = snapshot(12, moments, name="val", classes=LETTERS, extra={"loss": jnp.float32(0.5)})
    report, entry = audit_moments(moments, LETTERS), taken.entry
    assert entry.numbers == dict(report) == snapshot(12, report).entry.numbers
    assert entry.verdict == report.diagnosis.text
    assert entry.answers == {a.question: a.status for a in report.answers}
    assert (entry.n, entry.d, entry.c) == (N, D, C)
    assert (entry.extra, entry.classes) == ({"loss": 0.5}, LETTERS)
    np.testing.assert_allclose(np.diag(taken.cosines), 1, atol=1e-6)
    assert (np.diff(taken.spectrum) <= 0).all()
    with pytest.raises(ValueError, match="2 names for moments of 10 classes"):
        snapshot(1, moments, classes=["a", "b"])


def test_the_pictures_of_a_report_are_those_of_its_moments(rows, moments):
    z, labels = rows
    report = audit(z, np.array(LETTERS)[labels], headroom=False)
    taken, other = snapshot(12, report), snapshot(12, moments, classes=LETTERS)
    np.testing.assert_allclose(taken.cosines, other.cosines, atol=1e-5)
    np.testing.assert_allclose(taken.spectrum, other.spectrum, atol=1e-6)
    assert taken.classes == taken.entry.classes == other.classes
    assert taken.entry.cosines is taken.cosines
    alone = portrait_of([], z[:0], z[:0], np.zeros(D), 1, z[:1], labels[:1], 0.0)
    for portrait in (None, alone):
        nothing = snapshot(12, replace(report, portrait=portrait))
        assert nothing.cosines is nothing.spectrum is None


def test_many_classes_of_a_report_are_pictured_in_blocks(rows, rng):
    z, labels = rows
    codes = rng.normal(size=(250, D))
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    many = portrait_of(list(map(str, range(250))), codes, codes, np.ones(D), N, z, labels, 0.0)
    taken = snapshot(12, replace(audit(z, labels, headroom=False), c=250, portrait=many))
    assert taken.cosines.shape == (125, 125)
    assert taken.entry.cosines is None
    of_moments = snapshot(3, ClassMoments.of(codes, np.arange(250), 250))
    assert (of_moments.cosines.shape, of_moments.classes) == ((125, 125), ())
    sink = Mock()
    with patch("gramax.render.single_pictures.gram_picture", wraps=gram_picture) as drawn:
        log_report(sink, 12, taken)
    assert drawn.call_args.args[2] == 250
    written = {call.args[1]: call.args[2].shape for call in sink.image.call_args_list}
    assert written == {"latent/cosines": (600, 560, 4), "latent/spectrum": (600, 560, 4)}


def test_what_is_undefined_has_its_reason_and_nothing_is_raised(moments):
    taken = snapshot(3, ClassMoments.empty(C, D))
    assert all(np.isnan(value) for value in taken.entry.numbers.values())
    assert taken.entry.reasons["effective_rank"] == "no row to audit"
    assert taken.entry.to_dict()["numbers"]["effective_rank"] is None
    assert taken.cosines is None
    bad = snapshot(3, moments.update(np.full((1, D), np.nan, np.float32), np.array([0]))).entry
    assert np.isnan(bad.numbers["effective_rank"])
    assert "NaN" in bad.reasons["effective_rank"]


@pytest.mark.parametrize(
    ("example", "rows", "n"),
    [("train_nnx", "val", 359), ("train_clu", "val", 359), ("train_equinox", "train", 11 * 128)],
)
def test_the_examples_run(tmp_path, example, rows, n, capsys):
    path = Path(__file__).parents[2] / "examples" / f"{example}.py"
    spec = importlib.util.spec_from_file_location(example, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(epochs=2, out=tmp_path / "run.jsonl")
    log = read_runs(tmp_path / "run.jsonl")[rows]
    assert [(entry.step, entry.n) for entry in log] == [(11, n), (22, n)]
    assert log[1].numbers["collapse_ratio"] < log[0].numbers["collapse_ratio"] < 1
    assert log[1].verdict
    assert "epoch   2" in capsys.readouterr().out
