"""`gramax timeline` and `gramax watch`, from synthetic run logs."""

import io
import math
import re
import time

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from gramax.audits.headline_metrics import HEADLINE, floors
from gramax.audits.run_log import Entry, RunLog
from gramax.cli import main
from gramax.render.number_text import sparkline
from gramax.render.run_watch import run_overview
from gramax.render.timelines import charts_of, tracks_of

C, D = 4, 8
LINE = r'<path class="line" d="([^"]*)"'
SIZES = {"n": 100, "d": D, "c": C, "floors": floors(C, D)}


def write(path, audits=5, name="", cosines=True, rate=0.5, verdict="Classes differ."):
    target = np.where(np.eye(C) > 0, 1, -1 / (C - 1))
    with RunLog(path) as log:
        for k in range(audits):
            share = rate**k
            numbers = {
                "collapse_ratio": 0.9 * share,
                "effective_rank": 3 + 4 * share,
                "class_simplex_error_centred": share,
                "class_coherence": 1 / 3 + 0.6 * share,
                "class_frame_potential": 16 / 3 + share,
            }
            if k == 2:
                numbers["collapse_ratio"] = math.nan
            heat = share * np.eye(C) + (1 - share) * target if cosines else None
            log.append(
                Entry(
                    10 * k,
                    numbers,
                    **SIZES,
                    name=name,
                    verdict=verdict,
                    answers={"collapse": "good"},
                    extra={"loss": 0.5},
                    cosines=heat,
                    classes=tuple("abcd") if cosines else (),
                )
            )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_picture_a_film_and_a_page(folder, capsys):
    write("run.jsonl")
    for name in ("out.png", "out.gif", "out.html"):
        assert main(["timeline", "run.jsonl", "--out", name]) == 0
        assert f"{name}: 5 audits of run" in capsys.readouterr().out
    with Image.open("out.png") as picture:
        assert picture.size == (1040, 760)
    with Image.open("out.gif") as film:
        assert film.n_frames == 5
    assert len(list(folder.iterdir())) == 4
    write("long.jsonl", audits=80)
    assert main(["timeline", "long.jsonl", "--out", "out.gif"]) == 0
    with Image.open("out.gif") as film:
        assert 40 < film.n_frames <= 50


def test_runs_are_laid_over_each_other(folder, capsys):
    for name in ("a", "b"):
        (folder / name).mkdir()
        write(f"{name}/run.jsonl", audits=3 if name == "a" else 6)
    assert main(["timeline", "a/run.jsonl", "b/run.jsonl", "--out", "both.png"]) == 0
    assert "9 audits of a/run, b/run" in capsys.readouterr().out
    pixels = np.asarray(Image.open("both.png").convert("RGB")).reshape(-1, 3)
    for colour in ((0, 114, 178), (213, 94, 0)):
        assert (pixels == colour).all(axis=1).sum() > 200


def test_kinds_of_rows(folder, capsys):
    write("run.jsonl", name="train")
    write("run.jsonl", name="val", cosines=False)
    assert main(["timeline", "run.jsonl", "--out", "out.html"]) == 0
    assert "10 audits of run train, run val" in capsys.readouterr().out
    assert main(["timeline", "run.jsonl", "--rows", "val", "--out", "out.png"]) == 0
    assert "5 audits of run" in capsys.readouterr().out
    assert main(["timeline", "run.jsonl", "--rows", "test"]) == 2
    assert "holds no audit of rows 'test'; it has 'train', 'val'" in capsys.readouterr().err


def test_one_audit_alone_is_drawn(folder):
    write("run.jsonl", audits=1)
    for name in ("out.png", "out.gif", "out.html"):
        assert main(["timeline", "run.jsonl", "--out", name]) == 0


def test_a_page_asks_for_nothing_and_escapes_names(folder):
    hostile = "<script>alert(1)</script>"
    write("x&y<b>.jsonl", verdict=hostile)
    assert main(["timeline", "x&y<b>.jsonl", "--title", hostile, "--out", "p.html"]) == 0
    page = (folder / "p.html").read_text()
    assert page.count("<script") == 2  # gramax's own data and script, which the policy names
    assert "x&amp;y&lt;b&gt;" in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r'(?:src|href)="(?!data:,|#)|url\(|@import', page)
    assert page.count('<path class="line"') == 4
    assert page.count("collapse ratio, log scale</text>") == 1
    assert page.count("Effective rank</h3>") == 1
    figures = re.findall(r"<figure .*?</figure>", page, re.DOTALL)
    assert len(figures) == 4
    for figure in figures:
        assert len(re.findall(r'class="tick" x="40', figure)) >= 3
    collapse = re.search(LINE, page).group(1)
    assert collapse.count("M") == 2  # broken where the ratio is undefined


def test_charts_hold_every_value_and_the_floor(folder):
    from gramax.audits.run_reader import read_runs

    write("a.jsonl")
    (track,) = tracks_of(read_runs("a.jsonl"))
    charts = charts_of([track])
    assert [chart.floor is not None for chart in charts.values()] == [False, True, True, True]
    for metric, chart in charts.items():
        values = track.values(metric)
        values = values[np.isfinite(values)]
        assert chart.limits[0] <= values.min() <= values.max() <= chart.limits[1]
        if chart.floor is not None:
            assert chart.floor == floors(C, D)[metric]
            assert chart.limits[0] < chart.floor < chart.limits[1]


def test_a_number_that_no_audit_has_leaves_an_empty_chart_of_1():
    tracks = tracks_of({"run": [Entry(k, {"effective_rank": 0.0}) for k in range(3)]})
    charts = charts_of(tracks)
    assert charts["class_simplex_error_centred"].limits[1] == pytest.approx(1, rel=0.1)
    assert 0 < charts["effective_rank"].limits[1] < 1e-11


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.jsonl"], "none.jsonl: there is no such file"),
        (["run.jsonl", "--out", "x.pdf"], "ends in none of .png, .gif, .html"),
        (["run.jsonl", "--out", "no/x.png"], "there is no folder"),
        (["run.jsonl", "run.jsonl"], "the same file is named twice"),
        (["bad.jsonl"], "bad.jsonl: line 1 is not JSON"),
        ([f"r{k}.jsonl" for k in range(11)], "up to 10 can be told apart"),
    ],
)
def test_errors_are_one_line(folder, capsys, arguments, words):
    for name in ("run", *(f"r{k}" for k in range(11))):
        write(f"{name}.jsonl", audits=1)
    (folder / "bad.jsonl").write_text("no\n")
    assert main(["timeline", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_watch_once(folder, capsys):
    write("run.jsonl", name="val")
    assert main(["watch", "run.jsonl", "--once"]) == 0
    shown = capsys.readouterr().out
    for words in ("run.jsonl val", "step 40", "effective rank", "3.25", "█", "Classes differ."):
        assert words in shown
    assert main(["watch", "none.jsonl", "--once"]) == 2
    assert "no such file" in capsys.readouterr().err


def test_watch_waits_follows_and_ends_with_one_interrupt(folder, capsys, monkeypatch):
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 2:
            write("run.jsonl", audits=3)
        if len(looks) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    assert main(["watch", "run.jsonl", "--every", "0.25"]) == 130
    shown = capsys.readouterr()
    assert looks == [0.25] * 4
    assert "step 20" in shown.out
    assert "interrupted" in shown.err


def test_a_narrow_terminal_shortens_the_course_and_no_number():
    entries = [
        Entry(step=k, numbers=dict.fromkeys(HEADLINE.values(), 0.1234 + k)) for k in range(50)
    ]
    for width in (44, 60, 80, 120):
        console = Console(width=width, file=io.StringIO())
        console.print(run_overview("run.jsonl", {"": entries}))
        said = console.file.getvalue()
        assert said.count("49.12") == len(HEADLINE)
        assert "…" not in said
        assert max(map(len, said.splitlines())) <= width


def test_sparklines():
    assert sparkline([]) == ""
    assert sparkline([5.0] * 3) == "▁▁▁"
    assert sparkline([math.nan, math.inf]) == "  "
    rising = sparkline(list(np.linspace(0, 1, 1000)))
    assert len(rising) == 32
    assert rising == "".join(sorted(rising))
    assert rising[0] == "▁"
    assert rising[-1] == "█"


def test_one_bad_audit_among_many_shows(folder):
    ranks = dict.fromkeys(range(1000), 7.0) | {505: 1.25, 800: math.nan}
    with RunLog("run.jsonl") as log:
        for k, rank in ranks.items():
            log.append(Entry(k, {"effective_rank": rank}, **SIZES))
    assert main(["timeline", "run.jsonl", "--out", "p.html"]) == 0
    page = (folder / "p.html").read_text()
    assert "<circle class" not in page
    assert f"{46 + 505 / 999 * 382:.1f} " in page
    assert max(path.count("M") for path in re.findall(LINE, page)) == 2
    assert sparkline([rank for k, rank in ranks.items() if k < 800]).count("▁") == 1
