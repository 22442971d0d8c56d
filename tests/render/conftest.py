"""The five descents, run once for all tests of the drawing."""

import pytest

pytest.importorskip("matplotlib")

from gramax.render.figures import SCENES


@pytest.fixture(scope="session")
def runs():
    return {name: scene.run() for name, scene in SCENES.items()}
