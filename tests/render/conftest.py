"""The five descents, run once for all tests of the drawing."""

import pytest

pytest.importorskip("matplotlib")

from gramax.render.figures import SCENES, load_scene


@pytest.fixture(scope="session")
def runs():
    return {name: load_scene(name).run() for name in SCENES}
