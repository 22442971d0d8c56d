"""The film of a training run, from a small synthetic one."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from PIL import Image

from gramax.errors import InputError
from gramax.render.timeline_film import COLLAPSE, RANK, SIMPLEX, training_story


def _run(c=4, audits=6):
    """Records and Gram matrices of means that go from random to a simplex."""
    rng = np.random.default_rng(0)
    target = np.where(np.eye(c) > 0, 1, -1 / (c - 1))
    codes = rng.normal(size=(c, c))
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    records, grams = [], []
    for k in range(audits):
        share = 0.4**k
        grams.append(share * codes @ codes.T + (1 - share) * target)
        records.append(
            {
                "epoch": 5 * k,
                "train_error": max(0.5 - 0.25 * k, 0),
                SIMPLEX: float(np.sqrt(((grams[-1] - target) ** 2).mean())),
                COLLAPSE: 0.7 * 0.2**k,
                RANK: c - 1 + share,
            }
        )
    return records, grams, [str(k) for k in range(c)]


@pytest.mark.parametrize(("c", "audits"), [(4, 6), (10, 2)])
def test_one_frame_an_audit(tmp_path, c, audits):
    path = training_story(*_run(c, audits), tmp_path / "run.gif")
    with Image.open(path) as film:
        assert film.n_frames == audits
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_run_keeps_its_first_and_last_audit(tmp_path):
    records, grams, names = _run(3, 80)
    with Image.open(training_story(records, grams, names, tmp_path / "run.gif")) as film:
        assert film.n_frames <= 50


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_undefined_and_zero_metrics_do_not_stop_the_film(tmp_path, value):
    records, grams, names = _run()
    records[2] = {**records[2], COLLAPSE: value, RANK: value}
    with Image.open(training_story(records, grams, names, tmp_path / "run.gif")) as film:
        assert film.n_frames == len(records)


def test_mismatches_are_named(tmp_path):
    records, grams, names = _run()
    with pytest.raises(InputError, match="got 6 records and 5 matrices"):
        training_story(records, grams[:-1], names, tmp_path / "run.gif")
    with pytest.raises(InputError, match=r"matrix 0 has shape \(4, 4\); 3 classes"):
        training_story(records, grams, names[:3], tmp_path / "run.gif")
    del records[3][RANK]
    with pytest.raises(InputError, match="record 3 has no 'effective_rank'"):
        training_story(records, grams, names, tmp_path / "run.gif")
    assert not list(tmp_path.iterdir())
