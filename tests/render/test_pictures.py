"""Canvas, panels and GIFs: designed colours come out exactly, and files appear whole."""

import itertools
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from PIL import Image

from gramax.errors import MissingExtraError
from gramax.render import style
from gramax.render.canvas import Canvas
from gramax.render.gif import designed_palette, write_gif
from gramax.render.panels import camera_view, cosine_text, gram_panel, key_number, small_number

DESIGNED = (style.PAPER, style.INK, *style.GREYS, *style.CLASSES, *style.COSINES)


def film(seed, count=5, channels=3):
    """Frames of designed colours in which a block moves."""
    colours, rng = np.array(DESIGNED, np.uint8), np.random.default_rng(seed)
    still = colours[rng.integers(len(colours), size=(24, 32))]
    for k in range(count):
        frame = still.copy()
        frame[3 * k : 3 * k + 4, 2 * k : 2 * k + 6] = style.CLASSES[k]
        yield np.pad(frame, ((0, 0), (0, 0), (0, channels - 3)), constant_values=255)


def decoded(path):
    with Image.open(path) as made:
        for k in range(made.n_frames):
            made.seek(k)
            yield np.asarray(made.convert("RGB")), made.info["duration"]


@pytest.mark.parametrize("channels", [3, 4])
def test_designed_colours_come_back_exactly_and_bytes_depend_on_frames_alone(tmp_path, channels):
    path = write_gif(tmp_path / "a.gif", film(0, channels=channels), [100] * 5)
    for sent, (got, _) in zip(film(0), decoded(path), strict=True):
        np.testing.assert_array_equal(sent, got)
    again = write_gif(tmp_path / "b.gif", film(0, channels=channels), [100] * 5)
    assert again.read_bytes() == path.read_bytes()


def test_other_colours_move_to_the_nearest_entry(tmp_path):
    palette = designed_palette().astype(int)
    assert len(palette) == len(np.unique(palette, axis=0)) <= 254
    sent = np.random.default_rng(1).integers(256, size=(10, 20, 3))
    path = write_gif(tmp_path / "a.gif", [sent.astype(np.uint8)], [100])
    got = next(decoded(path))[0].astype(int)
    best = ((palette - sent[:, :, None]) ** 2).sum(axis=-1).min(axis=-1)
    np.testing.assert_array_equal(((got - sent) ** 2).sum(axis=-1), best)


def test_an_unchanged_frame_lengthens_the_one_before(tmp_path):
    frame, other = np.full((8, 9, 3), 255, np.uint8), np.zeros((8, 9, 3), np.uint8)
    path = write_gif(tmp_path / "still.gif", [frame, frame, other], [100, 200, 300])
    assert [time for _, time in decoded(path)] == [300, 300]


def test_a_film_that_breaks_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        write_gif(path, (1 // 0 if k else frame for k, frame in enumerate(film(3, 2))), [9, 9])
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("module", ["matplotlib", "PIL"])
def test_a_missing_package_names_its_extra(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gramax\[plot\]'"):
        write_gif(tmp_path / "a.gif", [], [])


def lab(rgb):
    """CIE Lab of linear RGB."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratio = np.clip(rgb, 0, 1) @ np.transpose(to_xyz) / [0.9505, 1.0, 1.089]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    steps = f[..., 0] - f[..., 1], f[..., 1] - f[..., 2]
    return np.stack([116 * f[..., 1] - 16, 500 * steps[0], 200 * steps[1]], axis=-1)


# Machado, Oliveira, Fernandes 2009, severity 1.
DEUTERANOPIA = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
PROTANOPIA = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]


@pytest.mark.parametrize("sight", [np.eye(3), DEUTERANOPIA, PROTANOPIA])
def test_class_colours_are_told_apart(sight):
    values = np.array(style.CLASSES) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = lab(linear @ np.transpose(sight))
    for (i, a), (j, b) in itertools.combinations(enumerate(seen), 2):
        assert np.linalg.norm(a - b) > 14, (i, j)
        assert style.marker(i) != style.marker(j)
    assert style.COSINES[len(style.COSINES) // 2] == style.PAPER
    assert len(set(style.COSINES)) == len(style.COSINES)


def test_numbers_are_short():
    words = {1.0: "1", 0.999: "1", -1.0: "–1", 1 / 3: ".33", -1 / 3: "–.33", 0.0: "0", -0.001: "0"}
    assert {value: cosine_text(value) for value in words} == words
    assert cosine_text(float("nan")) == ""
    assert [key_number(v) for v in (0.44721, -0.5, -1e-7)] == ["0.4472", "−0.5000", "0.0000"]
    assert [small_number(v) for v in (0.25, 1.44e-4, 0.0)] == ["0.2500", "1.4e−4", "0.0000"]


@pytest.mark.parametrize("azimuth", [0.0, 33.0, 290.0])
def test_the_camera_keeps_lengths_and_handedness(azimuth):
    view = camera_view(azimuth)
    np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view) == pytest.approx(1)
    right, up, towards = view[:, 2]
    assert right == pytest.approx(0)
    assert min(up, towards) > 0


def test_cells_have_the_colours_of_their_cosines_under_any_user_settings():
    import matplotlib

    cosines = np.where(np.eye(8) > 0, 1.0, -1.0)
    cosines[0, 1] = 0.0
    frames = []
    for size in (10.0, 30.0):
        with matplotlib.rc_context({"font.size": size, "axes.facecolor": "black"}), style.look():
            canvas = Canvas("Title", "caption", (400, 400))
            gram_panel(canvas, (60, 110, 240, 240), "Cosines", cosines[None])
            frames.append(canvas.frame())
    np.testing.assert_array_equal(*frames)
    got = [tuple(int(v) for v in frames[0][at][:3]) for at in ((125, 75), (125, 105), (155, 75))]
    assert got == [style.COSINES[-1], style.PAPER, style.COSINES[0]]
