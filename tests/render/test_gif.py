"""The GIF writer: colours that are designed come out exactly, and files appear whole."""

import itertools

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from PIL import Image

from gramax.errors import MissingExtraError
from gramax.render import style
from gramax.render.gif import Palette, designed_palette, frame_durations, write_gif

DESIGNED = (style.PAPER, style.INK, *style.GREYS, *style.CLASSES, *style.COSINES)


def _film(rng, count=5, channels=3):
    """Frames of designed colours in which a block moves."""
    colours = np.array(DESIGNED, np.uint8)
    still = colours[rng.integers(len(colours), size=(24, 32))]
    frames = []
    for k in range(count):
        frame = still.copy()
        frame[3 * k : 3 * k + 4, 2 * k : 2 * k + 6] = style.CLASSES[k]
        frames.append(np.pad(frame, ((0, 0), (0, 0), (0, channels - 3)), constant_values=255))
    return frames


def _decoded(path):
    with Image.open(path) as film:
        frames = []
        for k in range(film.n_frames):
            film.seek(k)
            frames.append(np.asarray(film.convert("RGB")))
    return frames


@pytest.mark.parametrize("channels", [3, 4])
def test_designed_colours_come_back_exactly(tmp_path, channels):
    frames = _film(np.random.default_rng(0), channels=channels)
    path = write_gif(tmp_path / "a.gif", frames, frame_durations(len(frames)))
    back = _decoded(path)
    assert len(back) == len(frames)
    for sent, got in zip(frames, back, strict=True):
        np.testing.assert_array_equal(sent[..., :3], got)


def test_other_colours_move_to_the_nearest_entry():
    rng = np.random.default_rng(1)
    rgb = rng.integers(256, size=(200, 3))
    packed = rgb[:, 0] + 256 * rgb[:, 1] + 65536 * rgb[:, 2]
    palette = designed_palette()
    entries = palette.colours.astype(int)
    chosen = ((entries[palette.index(packed)] - rgb) ** 2).sum(axis=1)
    best = ((entries[None] - rgb[:, None]) ** 2).sum(axis=2).min(axis=1)
    np.testing.assert_array_equal(chosen, best)


def test_the_palette_fits_a_gif():
    assert (
        len(designed_palette().colours) == len(np.unique(designed_palette().colours, axis=0)) <= 254
    )
    with pytest.raises(ValueError, match="at most 254"):
        Palette([style.PAPER] * 255)


def test_an_unchanged_frame_lengthens_the_one_before(tmp_path):
    frame, other = np.full((8, 9, 3), 255, np.uint8), np.zeros((8, 9, 3), np.uint8)
    path = write_gif(tmp_path / "still.gif", [frame, frame, other], [100, 200, 300])
    assert len(_decoded(path)) == 2
    with Image.open(path) as film:
        assert film.info["duration"] == 300
        film.seek(1)
        assert film.info["duration"] == 300


def test_bytes_depend_on_the_frames_alone(tmp_path):
    frames = _film(np.random.default_rng(2))
    one = write_gif(tmp_path / "one.gif", frames, frame_durations(5)).read_bytes()
    assert write_gif(tmp_path / "two.gif", iter(frames), frame_durations(5)).read_bytes() == one


def test_first_and_last_stay_longer():
    times = frame_durations(10)
    assert len(times) == 10
    assert times[0] > times[1] == times[8] < times[9]


def test_a_film_that_breaks_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")

    def broken():
        yield from _film(np.random.default_rng(3), 2)
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        write_gif(path, broken(), frame_durations(3))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("frames", "times", "message"),
    [
        ([], [], "0 frames"),
        ([np.zeros((4, 4, 3), np.uint8)], [10, 10], "1 frames for 2 times"),
        ([np.zeros((4, 4, 3), np.uint8)] * 2, [10], "more frames than"),
        ([np.zeros((4, 4, 3))], [10], "uint8"),
        ([np.zeros((4, 4), np.uint8)], [10], "uint8"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)], [10, 10], "frame 2"),
    ],
)
def test_bad_films_are_refused(tmp_path, frames, times, message):
    with pytest.raises(ValueError, match=message):
        write_gif(tmp_path / "a.gif", frames, times)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["matplotlib", "PIL"])
def test_a_missing_package_names_its_extra(tmp_path, monkeypatch, module):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gramax\[plot\]'"):
        write_gif(tmp_path / "a.gif", [], [])


def _lab(rgb):
    """CIE Lab of linear RGB."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    ratio = np.clip(rgb, 0, 1) @ to_xyz.T / [0.9505, 1.0, 1.089]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    steps = f[..., 0] - f[..., 1], f[..., 1] - f[..., 2]
    return np.stack([116 * f[..., 1] - 16, 500 * steps[0], 200 * steps[1]], axis=-1)


# Machado, Oliveira, Fernandes 2009, severity 1.
SIGHT = {
    "usual": np.eye(3),
    "deuteranopia": np.array(
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    ),
    "protanopia": np.array(
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    ),
}


@pytest.mark.parametrize("sight", SIGHT)
def test_class_colours_are_told_apart(sight):
    values = np.array(style.CLASSES) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = _lab(linear @ SIGHT[sight].T)
    for (i, a), (j, b) in itertools.combinations(enumerate(seen), 2):
        assert np.linalg.norm(a - b) > 14, (i, j)
        assert style.marker(i) != style.marker(j)


def test_cosines_are_white_at_zero_and_even():
    middle = len(style.COSINES) // 2
    assert style.COSINES[middle] == style.PAPER
    assert len(set(style.COSINES)) == len(style.COSINES)
