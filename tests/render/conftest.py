"""The five descents, run once for all tests of the drawing."""

import pytest

from gramax.render.figures import SCENES


@pytest.fixture(scope="session")
def made():
    from gramax.render import scenes

    return {name: getattr(scenes, name.replace("-", "_"))() for name in SCENES}
