"""How numbers are written on a canvas, and where points land on it."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from gramax.render import style
from gramax.render.canvas import Canvas
from gramax.render.panels import GramPanel, cosine_text, key_number, small_number
from gramax.render.point_panels import camera_view, project


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.0, "1"),
        (0.999, "1"),
        (-1.0, "–1"),
        (1 / 3, ".33"),
        (-1 / 3, "–.33"),
        (0.0, "0"),
        (-0.001, "0"),
        (float("nan"), ""),
    ],
)
def test_cosines_take_four_characters_at_most(value, words):
    assert cosine_text(value) == words


def test_key_numbers():
    assert key_number(0.44721) == "0.4472"
    assert key_number(-0.5) == "−0.5000"
    assert key_number(-1e-7) == "0.0000"
    assert small_number(0.25) == "0.2500"
    assert small_number(1.44e-4) == "1.4e−4"
    assert small_number(0.0) == "0.0000"


@pytest.mark.parametrize("azimuth", [0.0, 33.0, 290.0])
def test_the_camera_keeps_lengths_and_handedness(azimuth):
    view = camera_view(azimuth)
    np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view) == pytest.approx(1)
    seen, depth = project(np.array([[0.0, 0.0, 1.0]]), view)
    assert seen[0, 0] == pytest.approx(0)
    assert seen[0, 1] > 0
    assert depth[0] > 0


def test_cells_have_the_exact_colours_of_their_cosines():
    with style.look():
        canvas = Canvas("Title", "caption", (400, 400))
        panel = GramPanel(canvas, (60, 110, 240, 240), 8, "Cosines")
        cosines = np.where(np.eye(8) > 0, 1.0, -1.0)
        cosines[0, 1] = 0.0
        panel.update(cosines)
        frame = canvas.frame()
    centre = [
        (110 + 15 + 30 * row, 60 + 15 + 30 * column) for row, column in ((0, 0), (0, 1), (1, 0))
    ]
    got = [tuple(int(v) for v in frame[at][:3]) for at in centre]
    assert got == [style.COSINES[-1], style.PAPER, style.COSINES[0]]


def test_a_canvas_is_the_same_under_any_user_settings():
    import matplotlib

    frames = []
    for size in (10.0, 30.0):
        with matplotlib.rc_context({"font.size": size, "axes.facecolor": "black"}), style.look():
            canvas = Canvas("Title", "caption", (300, 200))
            canvas.axes((60, 110, 200, 60))
            frames.append(canvas.frame())
    np.testing.assert_array_equal(*frames)
