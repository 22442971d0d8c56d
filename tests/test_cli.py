"""The command: exit codes, one-line errors, JSON, thresholds, completion."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.shell_completion import BashComplete

import gramax
import gramax.metrics
from gramax.cli import cli, main
from gramax.metrics.registry import METRICS
from tests.test_seed import clouds

Z, Y = clouds(7, 120, 12, 4)
AUDIT = ["audit", "z.npy", "--labels", "y.npy"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", Z)
    np.save("y.npy", Y)
    return tmp_path


def python(*args, **variables):
    """What another Python prints."""
    env = os.environ | variables
    return subprocess.run([sys.executable, *args], env=env, capture_output=True, text=True)


def test_json_file_and_stdout_agree(folder, capsys):
    assert main([*AUDIT, "--json", "out.json"]) == 0
    out = capsys.readouterr().out
    for words in ("tightening", "being used", "simplex", "crosstalk", "reachable", "most alike"):
        assert words in out
    assert max(map(len, out.splitlines())) <= 110
    assert main([*AUDIT, "--json", "-"]) == 0
    written = json.loads((folder / "out.json").read_text())
    assert json.loads(capsys.readouterr().out) == written
    assert written == gramax.audit("z.npy", "y.npy", worst=5).to_dict()
    assert sorted(os.listdir(folder)) == ["out.json", "y.npy", "z.npy"]


@pytest.mark.parametrize(
    ("conditions", "broken"),
    [
        (["effective_rank<1", "class_coherence>=2"], []),
        (["effective_rank < 50", "effective_rank<1"], ["effective_rank<50: effective_rank is"]),
        (["coherence<=1"], ["class_coherence<=1: "]),  # as the report prints it
        (["average coherence<=1"], ["class_average_coherence<=1: "]),  # and as a page does
        (["collapse_ratio!=0", "class_coherence<=1"], ["collapse_ratio!=0", "class_coherence<=1"]),
        (["alpha_req>-1", "nesum==0"], ["alpha_req>-1"]),
    ],
)
def test_thresholds_set_the_exit_code(folder, capsys, conditions, broken):
    asked = [word for condition in conditions for word in ("--fail-on", condition)]
    assert main([*AUDIT, *asked]) == bool(broken)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(broken)
    for line, words in zip(said, broken, strict=True):
        assert line.startswith(f"failed: {words}")


def test_an_undefined_number_breaks_a_threshold(folder, capsys):
    assert main(["audit", "z.npy", "--fail-on", "collapse_ratio>9"]) == 1
    assert "collapse_ratio is undefined" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["audit", "a.npy", "--fail-on", "effective rnk<3"], "did you mean effective_rank"),
        (["audit", "a.npy", "--fail-on", "nc3<3"], "no metric 'nc3'"),  # it needs a classifier
        (["compare", "a.npy", "b.npy", "--fail-on-worse", "coherense"], "did you mean coherence"),
    ],
)
def test_a_wrong_condition_is_refused_before_any_file_is_read(capsys, command, words):
    assert main(command) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["missing.npy"], "missing.npy"),
        (["z.npy", "--labels", "missing.npy"], "missing.npy"),
        (["z.npy", "--labels", "short.npy"], "short.npy"),
        (["nan.npy"], "row 17, column 3"),
        (["t.parquet"], "t.parquet"),
        (["t.parquet", "--column", "absent"], "absent"),
        (["z.npy", "--fail-on", "effective_rank"], "--fail-on"),
        (["z.npy", "--fail-on", "no_such<3"], "no_such"),
        (["z.npy", "--fail-on", "efective_rank<3"], "did you mean effective_rank"),
        (["z.npy", "--fail-on", "effective_rank<nan"], "--fail-on"),
        (["z.npy", "--json", "absent/out.json"], "absent/out.json"),
        (["z.npy", "--no-such-option"], "--no-such-option"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(folder, capfd, args, words):
    np.save("short.npy", Y[:-1])
    broken = Z.copy()
    broken[17, 3] = np.nan
    np.save("nan.npy", broken)
    pq.write_table(pa.table({"text": ["a", "b"]}), "t.parquet")
    assert main(["audit", *args]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    if "--no-such-option" not in args:
        assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("gramax.cli.main(['--help'])", ["jax", "numpy", "rich", "matplotlib", "pyarrow", "optax"]),
        (
            "for name in gramax.__all__: getattr(gramax, name)",
            ["matplotlib", "pyarrow", "rich", "optax", "sklearn"],
        ),
    ],
)
def test_nothing_heavy_is_loaded(code, heavy):
    told = f"print([name for name in {heavy} if name in sys.modules])"
    assert python("-c", f"import sys, gramax.cli\n{code}\n{told}").stdout.splitlines()[-1] == "[]"


def test_version_and_module(capsys):
    assert main(["--version"]) == 0
    assert gramax.__version__ in capsys.readouterr().out
    run = python("-m", "gramax", "audit", "missing.npy")
    assert (run.returncode, run.stdout) == (2, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_complete(shell):
    assert "gramax" in python("-m", "gramax", _GRAMAX_COMPLETE=f"{shell}_source").stdout
    words = {"COMP_WORDS": "gramax audit --engine ", "COMP_CWORD": "3" if shell != "fish" else ""}
    found = python("-m", "gramax", _GRAMAX_COMPLETE=f"{shell}_complete", **words).stdout
    assert all(engine in found for engine in ("serial", "processes", "ray"))


METRIC_NAMES = [("plain", metric.name) for metric in METRICS.everything()]


@pytest.mark.parametrize(
    ("lines", "last", "offered"),
    [
        (["metrics", "audit --fail-on", "compare --fail-on-worse"], "", METRIC_NAMES),
        (["metrics", "audit --fail-on"], "effective_r", [("plain", "effective_rank")]),
        (["figures --out", "demo --out"], "", [("dir", "")]),
        (["figures --only"], "welch", [("plain", "welch-descent")]),
        (["audit", "audit a.npy", "compare", "compare a.npy", "watch"], "", [("file", "")]),
        (["timeline", "timeline a.jsonl", "timeline --out"], "b", [("file", "b")]),
        (["codebook --start", "codebook --out"], "", [("file", "")]),
        (
            [
                *(f"audit --{option}" for option in ("labels", "json", "html", "checkpoint")),
                *(f"compare --{option}" for option in ("labels", "labels-b", "json", "html")),
                "compare --checkpoint",
            ],
            "s3://b/*.np",
            [("file", "s3://b/*.np")],
        ),
    ],
)
def test_the_shell_completes_what_is_no_fixed_word(lines, last, offered):
    shell = BashComplete(cli, {}, "gramax", "_GRAMAX_COMPLETE")
    for line in lines:
        found = shell.get_completions(line.split(), last)
        assert [(item.type, item.value) for item in found] == offered, line
