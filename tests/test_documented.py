"""What the README and the pages show works: their commands, options, targets and code.

Commands in shell blocks are run, and others are looked up by name. Every block of Python is
executed here, by the test that `EXECUTED` names, or by Sphinx as the pages are built.
"""

from __future__ import annotations

import re
import shlex
import zipfile
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gramax
from gramax.cli import cli, main
from gramax.metrics.evidence import Evidence
from gramax.metrics.neighbours import RowEvidence
from gramax.metrics.registry import Metric, Registry

ROOT = Path(__file__).parents[1]
PAGES = [*map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
PAGES = [page for page in PAGES if "_build" not in page.parts]
TEXT = {page.relative_to(ROOT): page.read_text(encoding="utf-8") for page in PAGES}

FENCES = re.compile(r"^ *(```+|~~~+|:::+) *([^\n]*)\n(.*?)^ *\1$", re.DOTALL | re.MULTILINE)
NOT_CODE = {"", "text", "{toctree}"}
COMMANDS = {"sh", "console"}
CELL = "{code-cell} ipython3"
N, D, C = 120, 12, 4
"""The shape of the rows in the files that the commands name."""

EXECUTED = {
    "docs/training.md": "tests/training/test_frameworks.py",
    "docs/pytorch.md": "tests/training/test_frameworks.py",
}
"""Pages with blocks that need a large framework, and the nightly tests that execute them."""


def blocks() -> dict[str, str]:
    """Every block of Python that neither Sphinx nor another test executes, by place."""
    return {
        f"{page}, block {number}": block
        for page, text in TEXT.items()
        if page.as_posix() not in EXECUTED
        for number, block in enumerate(b for _, kind, b in FENCES.findall(text) if kind == "python")
    }


def shown() -> list[str]:
    """`gramax` lines of shell blocks; cells, with `%%sh`, are run when the docs are built."""
    blocks = [
        block
        for text in TEXT.values()
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return sorted({line.split("  #")[0].strip() for line in lines if line.startswith("gramax ")})


BUCKET = """
from fsspec.implementations.local import LocalFileSystem

class Bucket(LocalFileSystem):
    protocol = "s3"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(str(path).removeprefix("s3://"))
"""
"""A remote store that keeps its objects in the working folder, as an installed package.

Addresses are read in a child process, which would not see a file system that a test has patched in.
"""


def install_bucket(folder: Path) -> None:
    """Packages in `folder` that fsspec finds by itself: its file system for s3://."""
    info = folder / "bucket-1.dist-info"
    info.mkdir(parents=True)
    (folder / "bucket.py").write_text(BUCKET, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bucket\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[fsspec.specs]\ns3 = bucket:Bucket\n")


def clouds() -> tuple[np.ndarray, np.ndarray]:
    """Rows in four classes, of a shape that other commands audit too."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, C, N)
    return (rng.normal(size=(C, D))[y] + 0.3 * rng.normal(size=(N, D))).astype(np.float32), y


def write_table(path: str, labels: str) -> None:
    """A parquet file of those rows, with their labels in a column of this name."""
    z, y = clouds()
    Path(path).parent.mkdir(exist_ok=True, parents=True)
    rows = pa.FixedSizeListArray.from_arrays(z.ravel(), D)
    pq.write_table(pa.table({"embedding": rows, labels: y}), path)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder, and a bucket, with the files that the commands name."""
    z, y = clouds()
    install_bucket(tmp_path / "installed")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    monkeypatch.chdir(tmp_path)
    for name in ("shards/a.parquet", "shards/b.parquet"):
        write_table(name, "species")
    for name in ("data/a", "data/b", "old/a", "new/a", "bucket/run-7/a"):
        write_table(f"{name}.parquet", "label")
    for folder in ("demo", "labels"):
        Path(folder).mkdir()
    for name in ("demo/train_embeddings", "epoch1", "epoch9", "shard-0", "decoder"):
        np.save(f"{name}.npy", z)
    for name in ("demo/train_labels", "labels", "labels/0"):
        np.save(f"{name}.npy", y)
    with zipfile.ZipFile("run-7.zip", "w") as archive:
        archive.write("epoch1.npy", "part-0.npy")
        archive.write("labels.npy", "y.npy")


def test_there_are_commands():
    assert len(shown()) > 6


@pytest.mark.parametrize("line", shown())
def test_a_command_runs(files, line):
    arguments = [
        name
        for word in shlex.split(line)[1:]
        for name in (map(str, sorted(Path().glob(word))) if word.startswith("shard-") else [word])
    ]
    if arguments[0] == "codebook":
        arguments += ["--seconds", "1"]
    # 1: a threshold of --fail-on does not hold, as is meant.
    assert main(arguments) == (1 if "--fail-on" in arguments else 0)


@pytest.fixture
def names(monkeypatch, tmp_path):
    """What a block may take for granted, in a folder with a table of the same rows."""
    monkeypatch.chdir(tmp_path)
    write_table("data/a.parquet", "label")
    z, labels = clouds()
    rows = {"z": z, "labels": labels, "num_classes": C, "dim": D, "params": 2.0}
    given = {"batches": list(zip(np.split(z, 4), np.split(labels, 4), strict=True))}
    given |= {"embed": lambda params, x: params * x, "jax": jax, "gramax": gramax}
    return rows | given | {"__name__": "__main__"}


def audits(names):
    assert names["report"].n == N
    assert names["report"].worst_pairs


def plans(names):
    audits(names)
    assert Path("run.ckpt").exists()


def steps(names):
    found = names["eval_step"](names["params"], names["z"], names["labels"])
    assert len(found) == 6
    assert float(found["effective_rank"]) > 1


def streams(names):
    assert float(names["moments"].total) == N
    assert float(names["numbers"]["effective_rank"]) > 1


SQUARE = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def declares(names):
    (metric,) = names["METRICS"]
    moments = gramax.ClassMoments.of(SQUARE, None, 1)
    assert float(metric.value(Evidence(moments))) == pytest.approx(2)


def declares_of_rows(names):
    (metric,) = names["METRICS"].everything()
    evidence = RowEvidence(np.concatenate([SQUARE, SQUARE[:1]]))  # a copy is no neighbour
    assert float(metric.of_rows(evidence)) == pytest.approx(2**0.5)


CHECKS = {
    "README.md, block 0": (audits, {}),
    "README.md, block 1": (steps, {}),
    "README.md, block 2": (streams, {}),
    "CONTRIBUTING.md, block 0": (declares, {"METRICS": Registry(), "Metric": Metric}),
    "CONTRIBUTING.md, block 1": (declares_of_rows, {"METRICS": Registry(), "Metric": Metric}),
    "docs/streaming.md, block 0": (plans, {}),
}
"""For every block of Python: the check of what it has done, and the further names that it needs."""


def test_every_block_is_checked():
    assert set(blocks()) == set(CHECKS)
    for page, test in EXECUTED.items():
        assert page in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("place", blocks())
def test_a_block_runs(names, place):
    check, more = CHECKS[place]
    names |= more
    exec(compile(blocks()[place], place, "exec"), names)
    check(names)


def test_no_block_is_of_a_kind_that_nobody_executes():
    for page, text in TEXT.items():
        kinds = {kind for _, kind, _ in FENCES.findall(text)}
        if page.parent.as_posix() == "docs/reference":
            kinds -= {"pycon"}  # the examples of the docstrings, which run as doctests of src
        assert kinds <= NOT_CODE | COMMANDS | {"python", CELL}, page
        executed = text.startswith("---\nfile_format: mystnb\n") and page.parts[0] == "docs"
        assert executed or CELL not in kinds, f"{page}: its cells are not executed"


def test_every_named_command_and_option_is_there():
    for page, text in TEXT.items():
        for line in re.findall(r"`gramax (\w+)([^`\n]*)`", text):
            command = cli.commands[line[0]]
            options = {name for one in command.params for name in one.opts}
            assert set(re.findall(r"--[\w-]+", line[1])) <= options | {"--help"}, (page, line)


def test_every_named_target_and_benchmark_is_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, text in TEXT.items():
        for line in re.findall(r"`make ([a-z][a-z -]*)`", text):
            assert set(line.split()) <= targets, (page, line)
        for name in re.findall(r"`python -m benchmarks\.([a-z]\w*)", text):
            assert (ROOT / "benchmarks" / f"{name}.py").exists(), (page, name)


def test_options_of_benchmarks_are_there():
    commands = re.findall(r"python -m benchmarks\.([a-z]\w*)([^`|\n]*)", "\n".join(TEXT.values()))
    assert len(commands) > 10
    for name, options in commands:
        source = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
        for option in re.findall(r"--[\w-]+", options):
            assert f'"{option}"' in source, (name, option)


def test_every_benchmark_and_target_is_told_of():
    told = "\n".join(TEXT.values())
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split():
        assert re.search(rf"`make [a-z -]*\b{target}\b", told), target
    for path in (ROOT / "benchmarks").glob("*.py"):
        if "__main__" in path.read_text():
            assert f"benchmarks.{path.stem}" in told or f"`{path.stem}`" in told, path.name
