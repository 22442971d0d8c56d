"""The five pictures: validated first, complete, and nothing overlapping."""

import itertools

import numpy as np
import pytest
from PIL import Image

from gramax.errors import InputError
from gramax.render import style
from gramax.render.canvas import HEADER_HEIGHT, Canvas
from gramax.render.figures import SCENES, Check, FiguresError, figures, load_scene
from gramax.render.scenes import common, simplex_descent, welch_descent
from gramax.render.scenes.common import FRAMES

NAMES = (
    "class-collapse",
    "rank-collapse",
    "simplex-descent",
    "welch-descent",
    "benign-landscape",
)


def test_the_pictures_have_the_names_of_the_seed():
    assert tuple(SCENES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_check_holds(name, runs):
    checks = load_scene(name).checks(runs[name])
    assert len(checks) >= 3
    assert all(check.ok and check.scene == name for check in checks), "\n".join(map(str, checks))


@pytest.mark.parametrize("name", NAMES)
def test_every_check_of_a_run_can_fail(name, runs):
    """Noise on the numbers of a run is caught: no check is vacuous but those of pure theory."""
    spoiled = type(runs[name])(*(entry * 1.3 + 0.3 for entry in runs[name]))
    checks = load_scene(name).checks(spoiled)
    assert all(not check.ok for check in checks if "floor of" not in check.name)


def test_nan_is_a_miss():
    assert not Check("scene", "number", float("nan"), 0.0, 1e-3).ok


def test_a_wrong_step_fails_loudly_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(simplex_descent, "simplex_step", lambda codes: codes)
    with pytest.raises(FiguresError) as caught:
        figures(tmp_path / "out", only=["simplex-descent"])
    assert "simplex error, end: measured 0.9" in str(caught.value)
    assert "expected 0 (within 0.001)" in str(caught.value)
    assert {miss.scene for miss in caught.value.misses} == {"simplex-descent"}
    assert not (tmp_path / "out").exists()


def test_too_few_steps_fail(monkeypatch):
    monkeypatch.setattr(welch_descent, "STEPS", 20)
    assert not all(check.ok for check in welch_descent.checks(welch_descent.run()))


def test_an_unknown_name_lists_the_pictures(tmp_path):
    with pytest.raises(InputError, match=r"no picture named wings; there are class-collapse, "):
        figures(tmp_path, only=["wings", "rank-collapse.gif"])
    assert not list(tmp_path.iterdir())


def test_one_picture_is_written_whole(tmp_path, runs, monkeypatch):
    monkeypatch.setattr(load_scene("rank-collapse"), "run", lambda: runs["rank-collapse"])
    lines = []
    results = figures(tmp_path / "deep" / "out", only=["rank-collapse.gif"], progress=lines.append)
    assert results == load_scene("rank-collapse").checks(runs["rank-collapse"])
    assert len(lines) == 2
    (path,) = (tmp_path / "deep" / "out").iterdir()
    assert path.name == "rank-collapse.gif"
    with Image.open(path) as film:
        assert film.n_frames == FRAMES
        assert film.info["loop"] == 0
        times = []
        for k in range(film.n_frames):
            film.seek(k)
            times.append(film.info["duration"])
        assert times[0] > 10 * times[1] < times[-1]
        last = np.asarray(film.convert("RGB"))
    assert tuple(last[2, 2]) == style.PAPER
    colours = {tuple(int(v) for v in c) for c in np.unique(last.reshape(-1, 3), axis=0)}
    assert {style.CLASSES[0], style.METRIC, style.COSINES[0], style.COSINES[-1]} <= colours


def _texts(canvas):
    """Extents of the still words of a canvas, by what they say."""
    renderer = canvas.agg.get_renderer()
    texts = list(canvas.figure.texts)
    for axes in canvas.figure.axes:
        texts += axes.texts
        if axes.axison:
            texts += axes.get_xticklabels() + axes.get_yticklabels()
    shown = [text for text in texts if text.get_text() and not text.get_animated()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in shown]


def _first_canvas(name, runs, monkeypatch):
    canvass = []

    class Recorded(Canvas):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            canvass.append(self)

    monkeypatch.setattr(common, "Canvas", Recorded)
    frame = next(load_scene(name).draw(runs[name]))
    return canvass[0], frame


@pytest.mark.parametrize("name", NAMES)
def test_no_words_overlap_or_are_cut(name, runs, monkeypatch):
    with style.look():
        canvas, _ = _first_canvas(name, runs, monkeypatch)
        words = _texts(canvas)
    width, height = canvas.size
    assert len(words) > 10
    for text, box in words:
        assert box.x0 >= 0, text
        assert box.x1 <= width - 12, text
        assert box.y0 >= 4, text
    for (one, a), (two, b) in itertools.combinations(words, 2):
        assert not a.overlaps(b), f"{one!r} overlaps {two!r}"
    title = canvas.header[0].get_text()
    assert title.endswith("?")
    inside = [text for text, box in words if box.y1 > height - HEADER_HEIGHT]
    assert inside == [artist.get_text() for artist in canvas.header]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_drawn_over_the_title(name, runs):
    """Between the first and the last frame the header does not change by one pixel."""
    with style.look():
        frames = list(load_scene(name).draw(runs[name]))
    assert len(frames) == FRAMES
    headers = [frame[:HEADER_HEIGHT] for frame in frames[::7]]
    assert all(np.array_equal(headers[0], header) for header in headers)
    border = np.concatenate([frames[-1][:, :4].reshape(-1, 4), frames[-1][:, -4:].reshape(-1, 4)])
    assert (border[:, :3] == 255).all()
