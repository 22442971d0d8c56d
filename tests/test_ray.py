"""The Ray engine, on a cluster started for the test."""

import importlib.util
import os

import numpy as np
import pytest

from gramax import engines
from gramax.errors import InputError
from gramax.gathering import accumulate, tasks
from tests.streams import ONE, Stream, bits

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is an extra: pip install 'gramax[ray]'"
)


def test_ray_survives_its_workers_and_names_poison(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(tasks, "sizes", lambda n, c, d, blocks: tasks.Sizes(64, 128, 200))
    once = str(tmp_path / "died")
    with engines.opened("ray", workers=2) as engine:
        assert engine.submit(max, 2, 3).result() == 3
        deadly = Stream(600, odd=((2, {"deadly": once}),))
        found = accumulate(deadly, ONE, 1, True, engine=engine)
        assert os.path.exists(once)
        assert bits(found) == bits(accumulate(deadly, ONE, 1, True, engine=engine))
        poison = Stream(400, odd=((3, {"deadly": "always"}),))
        with pytest.raises(InputError, match="rows 300-399"):
            accumulate(poison, ONE, 1, True, engine=engine)
    here = accumulate(deadly, ONE, 1, True)
    assert here.done == found.done == 3
    np.testing.assert_allclose(
        np.asarray(here.blocks[0].scatter), np.asarray(found.blocks[0].scatter), atol=1e-4
    )
    assert capfd.readouterr() == ("", "")
