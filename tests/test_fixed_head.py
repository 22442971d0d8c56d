"""The example that trains with a fixed head: the head stays, the table is printed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from gramax.frames import etf_head

PATH = Path(__file__).parents[1] / "examples" / "fixed_head.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("fixed_head", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_fixed_head_stays_and_both_are_audited(example):
    found = example.compare(epochs=5, d=32)  # a shape that other tests audit too
    heads = {name: np.asarray(params["head"]) for name, (params, _, _) in found.items()}
    np.testing.assert_array_equal(heads["fixed"], etf_head(10, 32, key=0))
    start = np.asarray(example.initial(example.jax.random.key(0), 32)["head"])
    assert np.abs(heads["learned"] - start).max() > 0.01
    for _, wrong, report in found.values():
        assert wrong < 0.3
        assert report["effective_rank"] > 5
        assert report.headroom.reachable == 0
    shown = example.table(found)
    for words in ("fixed", "learned", "error", *example.ROWS):
        assert words in shown
