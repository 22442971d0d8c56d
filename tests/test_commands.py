"""The other commands: metrics, bounds, codebook, demo, figures."""

import json
import sys

import pytest

from gramax import cli
from gramax.audits.run_reader import read_runs
from gramax.cli import main
from gramax.metrics.registry import METRICS


def test_metrics_lists_all_and_tells_all_about_one(capsys):
    assert main(["metrics"]) == 0
    listed = capsys.readouterr().out
    assert all(metric.name in listed for metric in METRICS.everything())
    assert main(["metrics", "cdnv"]) == 0
    page = capsys.readouterr().out
    for words in ("formula", "Galanti", "range", "best", "degenerate", "gramax.metrics.cdnv"):
        assert words in page
    assert main(["metrics", "absent"]) == 2
    assert "no metric 'absent'" in capsys.readouterr().err
    assert main(["metrics", "coherence"]) == 0
    assert "class_coherence" in capsys.readouterr().out


def test_bounds_side_by_side(capsys):
    assert main(["bounds", "6", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["floor"]["value"] == pytest.approx(5**-0.5, abs=1e-12)
    assert found["floor"]["attainable"] is True
    assert {"Welch", "orthoplex"} <= {row["name"] for row in found["bounds"]}
    assert main(["bounds", "64", "4", "--field", "complex"]) == 0
    assert "Levenshtein" in capsys.readouterr().out
    assert main(["bounds", "0", "3"]) == 2
    assert main(["bounds", "1000000000", "3"]) == 0
    assert main(["bounds", "1000000001", "3"]) == 2
    assert "up to 1,000,000,000" in capsys.readouterr().err


def test_a_lack_of_memory_names_only_what_the_command_takes(monkeypatch, capsys):
    def lacking(*_, **__):
        raise MemoryError

    monkeypatch.setattr("gramax.frames.coherence_floor", lacking)
    assert main(["codebook", "9", "3"]) == 2
    words = "out of memory; give it more, or less to do: fewer codes, fewer dimensions"
    assert capsys.readouterr().err == f"gramax: {words}\n"
    assert "fewer --workers" in cli._lack_of_memory(MemoryError(), ["audit", "z.npy"])
    assert cli._lack_of_memory(MemoryError(), ["demo"]) == "out of memory; give it more"


@pytest.mark.parametrize("command", ["demo", "figures"])
def test_an_output_that_cannot_be_is_refused_before_a_word(command, tmp_path, capsys):
    (tmp_path / "file.npy").touch()
    for out in (tmp_path / "file.npy", tmp_path / "file.npy" / "inside"):
        assert main([command, "--out", str(out)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert "cannot be made a folder" in said.err


@pytest.mark.parametrize("package", ["sklearn", "matplotlib", "PIL"])
def test_demo_asks_for_its_packages_before_a_word(package, tmp_path, monkeypatch, capsys):
    for name in [n for n in sys.modules if n.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "gramax[" in said.err
    assert not (tmp_path / "demo").exists()


def test_demo_leaves_what_it_promises(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--epochs", "3"]) == 0
    left = {path.name for path in out.iterdir()} - {"demo.gif", "report.json", "run.jsonl"}
    assert left == {f"{a}_{b}.npy" for a in ("train", "test") for b in ("embeddings", "labels")}
    log = read_runs(out / "run.jsonl")
    assert [entry.extra["epoch"] for entry in log["train"]] == [0, 1, 2, 3]
    assert log["train"][-1].extra["error"] < log["train"][0].extra["error"]
    assert len(log["test"]) == 4
    report = json.loads((out / "report.json").read_text())
    audited = report["metrics"]["effective_rank"]["value"]
    assert audited == pytest.approx(log["train"][-1].numbers["effective_rank"], rel=1e-3)
    assert "Are classes" in capsys.readouterr().out


def test_figures_exit_code_where_a_descent_misses(tmp_path, monkeypatch, capsys):
    from gramax.render import scenes

    right = scenes.effective_rank
    monkeypatch.setattr(scenes, "effective_rank", lambda z: right(z) + 7)
    assert main(["figures", "--out", str(tmp_path / "f"), "--only", "rank-collapse"]) == 1
    assert "measured 9, expected 2" in capsys.readouterr().err
    assert not (tmp_path / "f").exists()
    assert main(["figures", "--only", "absent"]) == 2
