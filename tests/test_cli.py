"""The command: exit codes, one-line errors, JSON, thresholds."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from click.shell_completion import BashComplete

import gramax
import gramax.metrics
from gramax.cli import cli, main
from gramax.metrics.registry import METRICS
from tests.test_seed import clouds

Z, Y = clouds(7, 120, 12, 4)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", Z)
    np.save("y.npy", Y)
    return tmp_path


def test_audit_prints_the_five_questions(folder, capsys):
    assert main(["audit", "z.npy", "--labels", "y.npy"]) == 0
    out = capsys.readouterr().out
    for words in ("tightening", "being used", "simplex", "crosstalk", "reachable", "Worst-aligned"):
        assert words in out
    assert max(map(len, out.splitlines())) <= 110


def test_json_file_and_stdout_agree(folder, capsys):
    assert main(["audit", "z.npy", "--labels", "y.npy", "--json", "out.json"]) == 0
    capsys.readouterr()
    assert main(["audit", "z.npy", "--labels", "y.npy", "--json", "-"]) == 0
    written = json.loads((folder / "out.json").read_text())
    assert json.loads(capsys.readouterr().out) == written
    assert written == gramax.audit("z.npy", "y.npy", worst=5).to_dict()
    assert sorted(os.listdir(folder)) == ["out.json", "y.npy", "z.npy"]


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("effective_rank<1", 0),
        ("effective_rank < 50", 1),
        ("class_coherence>=2", 0),
        ("class_coherence<=1", 1),
        ("collapse_ratio!=0", 1),
    ],
)
def test_thresholds_set_the_exit_code(folder, capsys, condition, code):
    assert main(["audit", "z.npy", "--labels", "y.npy", "--fail-on", condition]) == code
    assert ("failed:" in capsys.readouterr().err) == bool(code)


def test_several_thresholds_and_an_undefined_number(folder, capsys):
    args = ["--fail-on", "effective_rank<1", "--fail-on", "collapse_ratio>9"]
    args += ["--fail-on", "coherence>1.1"]  # as the report prints it
    assert main(["audit", "z.npy", *args]) == 1
    assert "collapse_ratio is undefined" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["missing.npy"], "missing.npy"),
        (["z.npy", "--labels", "missing.npy"], "missing.npy"),
        (["z.npy", "--labels", "short.npy"], "short.npy"),
        (["cube.npy"], "cube.npy"),
        (["object.npy"], "object.npy"),
        (["z.pkl"], "z.pkl"),
        (["nan.npy"], "row 17, column 3"),
        (["t.parquet"], "t.parquet"),
        (["t.parquet", "--column", "absent"], "absent"),
        (["z.npy", "--fail-on", "effective_rank"], "--fail-on"),
        (["z.npy", "--fail-on", "no_such<3"], "no_such"),
        (["z.npy", "--fail-on", "efective_rank<3"], "did you mean effective_rank"),
        (["z.npy", "--fail-on", "effective_rank<nan"], "--fail-on"),
        (["z.npy", "--json", "z.npy"], "not written over"),
        (["z.npy", "--json", "absent/out.json"], "absent/out.json"),
        (["z.npy", "--no-such-option"], "--no-such-option"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(folder, capfd, args, words):
    np.save("short.npy", Y[:-1])
    np.save("cube.npy", np.zeros((3, 4, 5)))
    np.save("object.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    (folder / "z.pkl").write_bytes(pickle.dumps(Z))
    broken = Z.copy()
    broken[17, 3] = np.nan
    np.save("nan.npy", broken)
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a", "b"]}), "t.parquet")
    assert main(["audit", *args]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    if "--no-such-option" not in args:
        assert len(err.strip().splitlines()) == 1


def test_an_interrupt_is_exit_code_130(folder, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gramax.audits.audit.audit", stop)
    assert main(["audit", "z.npy"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_help_loads_nothing_heavy():
    code = (
        "import sys, gramax.cli\n"
        "try: gramax.cli.main(['--help'])\n"
        "finally: print(sorted(m for m in ('jax', 'numpy', 'rich', 'matplotlib', 'pyarrow', "
        "'optax') if m in sys.modules), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: gramax" in run.stdout
    assert run.stderr.strip() == "[]"


def test_importing_the_names_loads_no_extra():
    code = (
        "import sys, gramax\n"
        "[getattr(gramax, name) for name in gramax.__all__]\n"
        "print([m for m in ('matplotlib', 'pyarrow', 'rich', 'optax', 'click', 'sklearn') "
        "if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_version_and_module(capsys):
    assert main(["--version"]) == 0
    assert gramax.__version__ in capsys.readouterr().out
    run = subprocess.run(
        [sys.executable, "-m", "gramax", "audit", "missing.npy"], capture_output=True, text=True
    )
    assert run.returncode == 2
    assert run.stdout == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_complete(shell):
    def asked(**variables: str) -> str:
        command = [sys.executable, "-m", "gramax"]
        env = os.environ | {"_GRAMAX_COMPLETE": f"{shell}_source"} | variables
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    assert "gramax" in asked()
    words = {"COMP_WORDS": "gramax audit --engine ", "COMP_CWORD": "3" if shell != "fish" else ""}
    found = asked(_GRAMAX_COMPLETE=f"{shell}_complete", **words)
    assert all(engine in found for engine in ("serial", "processes", "ray"))


def offered(words: list[str]) -> list[tuple[str, str]]:
    """Kind and value of what the shell is given for the last of the words."""
    found = BashComplete(cli, {}, "gramax", "_GRAMAX_COMPLETE").get_completions(
        words[:-1], words[-1]
    )
    return [(item.type, item.value) for item in found]


@pytest.mark.parametrize(
    "line",
    [
        "audit ",
        "audit a.npy ",
        *(f"audit {option} " for option in ("--labels", "--json", "--html", "--checkpoint")),
        "compare ",
        "compare a.npy ",
        *(f"compare {option} " for option in ("--labels", "--labels-b", "--json", "--html")),
        "compare --checkpoint ",
        "codebook --start ",
        "codebook --out ",
        "timeline ",
        "timeline a.jsonl ",
        "timeline --out ",
        "watch ",
    ],
)
def test_the_shell_completes_files(line):
    assert offered(line.split(" ")) == [("file", "")]
    assert offered([*line.split(), "s3://b/*.np"]) == [("file", "s3://b/*.np")]


@pytest.mark.parametrize("line", ["metrics", "audit --fail-on", "compare --fail-on-worse"])
def test_the_shell_completes_metrics(line):
    names = [metric.name for metric in METRICS.everything()]
    assert offered([*line.split(), ""]) == [("plain", name) for name in names]
    assert offered([*line.split(), "effective_r"]) == [("plain", "effective_rank")]


def test_the_shell_completes_folders_and_pictures():
    assert offered(["figures", "--out", ""]) == offered(["demo", "--out", ""]) == [("dir", "")]
    assert offered(["figures", "--only", "welch"]) == [("plain", "welch-descent")]
