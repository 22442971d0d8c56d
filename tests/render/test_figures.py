"""The five pictures: validated first, complete, and nothing overlapping."""

import itertools

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from PIL import Image

from gramax.errors import InputError
from gramax.render import scenes, style
from gramax.render.canvas import HEADER_HEIGHT
from gramax.render.figures import SCENES, Check, FiguresError, figures
from gramax.render.gif import FRAMES


@pytest.fixture(scope="module")
def made():
    """The five descents, run once for all tests."""
    return {name: getattr(scenes, name.replace("-", "_"))() for name in SCENES}


def test_every_check_holds(made):
    for name, scene in made.items():
        checks = [Check(name, *check) for check in scene.checks]
        assert len(checks) >= 3
        assert all(check.ok for check in checks), "\n".join(map(str, checks))
    assert not Check("scene", "number", float("nan"), 0.0, 1e-3).ok


@pytest.mark.parametrize(
    ("name", "wrong", "misses"),
    [
        ("class-collapse", "collapse_ratio", 3),
        ("class-collapse", "within_class_variance", 1),
        ("rank-collapse", "effective_rank", 3),
        ("simplex-descent", "simplex_error", 1),
        ("simplex-descent", "gram", 2),
        ("welch-descent", "welch_floor", 1),
        ("welch-descent", "coherence", 1),
        ("welch-descent", "gram", 1),
        ("benign-landscape", "frame_potential", 2),
        ("benign-landscape", "run_many", 2),
    ],
)
def test_a_wrong_number_fails_loudly_and_writes_nothing(tmp_path, monkeypatch, name, wrong, misses):
    right = getattr(scenes, wrong)
    monkeypatch.setattr(scenes, wrong, lambda *a: 1.3 * right(*a) + 0.3)
    with pytest.raises(FiguresError, match=rf"{name}: .*: measured .*, expected .* \(within") as e:
        figures(tmp_path / "out", only=[name])
    assert str(e.value).count(": measured") >= misses
    assert not (tmp_path / "out").exists()


def test_too_few_steps_fail():
    assert not all(Check("welch-descent", *c).ok for c in scenes.welch_descent(steps=20).checks)


def test_an_unknown_name_lists_the_pictures(tmp_path):
    with pytest.raises(InputError, match=r"no picture named wings; there are class-collapse, "):
        figures(tmp_path, only=["wings", "rank-collapse.gif"])
    assert not list(tmp_path.iterdir())


def test_one_picture_is_written_whole(tmp_path, made, monkeypatch):
    monkeypatch.setattr(scenes, "rank_collapse", lambda: made["rank-collapse"])
    lines = []
    checks = figures(tmp_path / "deep" / "out", only=["rank-collapse.gif"], progress=lines.append)
    assert checks == [Check("rank-collapse", *check) for check in made["rank-collapse"].checks]
    assert len(lines) == 2
    (path,) = (tmp_path / "deep" / "out").iterdir()
    assert path.name == "rank-collapse.gif"
    with Image.open(path) as film:
        assert (film.n_frames, film.info["loop"]) == (FRAMES, 0)
        times = []
        for k in range(FRAMES):
            film.seek(k)
            times.append(film.info["duration"])
        assert times[0] > 10 * times[1] < times[-1]
        last = np.asarray(film.convert("RGB"))
    colours = {tuple(int(v) for v in c) for c in np.unique(last.reshape(-1, 3), axis=0)}
    designed = {style.CLASSES[0], style.METRIC, style.COSINES[0], style.COSINES[-1]}
    assert designed <= colours
    assert tuple(last[2, 2]) == style.PAPER


def still_words(canvas):
    """Extents of the still words of a canvas, beside what they say."""
    texts = list(canvas.figure.texts)
    for axes in canvas.figure.axes:
        texts += axes.texts
        if axes.axison:
            texts += axes.get_xticklabels() + axes.get_yticklabels()
    shown = [text for text in texts if text.get_text() and not text.get_animated()]
    renderer = canvas.agg.get_renderer()
    return [(text.get_text(), text.get_window_extent(renderer)) for text in shown]


@pytest.mark.parametrize("name", SCENES)
def test_no_words_overlap_or_are_cut_and_the_title_stays(name, made):
    with style.look():
        canvas = made[name].canvas()
        frames = [canvas.frame(k) for k in (0, 7, 25, FRAMES - 1)]
        words = still_words(canvas)
    width, height = canvas.size
    assert len(words) > 10
    for text, box in words:
        assert box.x0 >= 0, text
        assert box.x1 <= width - 12, text
        assert box.y0 >= 4, text
    for (one, a), (two, b) in itertools.combinations(words, 2):
        assert not a.overlaps(b), f"{one!r} overlaps {two!r}"
    assert canvas.header[0].get_text().endswith("?")
    inside = [text for text, box in words if box.y1 > height - HEADER_HEIGHT]
    assert inside == [artist.get_text() for artist in canvas.header]
    for frame in frames:
        assert np.array_equal(frame[:HEADER_HEIGHT], frames[0][:HEADER_HEIGHT])
        assert (frame[:, [0, 1, 2, 3, -4, -3, -2, -1], :3] == 255).all()
    assert not np.array_equal(frames[0], frames[-1])
