"""What the README and the pages show works: their commands, options, targets and code.

Commands in shell blocks are run, and others are looked up by name. Every block of Python is
executed here, by the test that `EXECUTED` names, or by Sphinx as the pages are built.
"""

from __future__ import annotations

import re
import shlex
import zipfile
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

import gramax
from gramax.cli import cli, main
from gramax.metrics.evidence import Evidence
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
EXECUTED = {
    "docs/training.md": "tests/training/test_documented_blocks.py",
    "docs/pytorch.md": "tests/training/test_documented_blocks.py",
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


class Bucket(MemoryFileSystem):
    """A remote store, in memory."""

    protocol = "s3"
    store: ClassVar[dict] = {}
    pseudo_dirs: ClassVar[list] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("s3:/"))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder, and a bucket, with the files that the commands name."""
    rng = np.random.default_rng(0)
    n, d, c = 120, 12, 4  # a shape that other commands audit too
    y = rng.integers(0, c, n)
    z = (rng.normal(size=(c, d))[y] + 0.3 * rng.normal(size=(n, d))).astype(np.float32)
    monkeypatch.setitem(_registry, "s3", Bucket)
    monkeypatch.chdir(tmp_path)

    def table(path: str, labels: str) -> None:
        Path(path).parent.mkdir(exist_ok=True)
        rows = pa.FixedSizeListArray.from_arrays(z.ravel(), d)
        pq.write_table(pa.table({"embedding": rows, labels: y}), path)

    for name in ("shards/a.parquet", "shards/b.parquet"):
        table(name, "species")
    for name in ("data/a.parquet", "data/b.parquet", "old/a.parquet", "new/a.parquet"):
        table(name, "label")
    Bucket().pipe_file("/bucket/run-7/a.parquet", Path("data/a.parquet").read_bytes())
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


N, D, C = 120, 12, 4  # a shape that other tests audit too


@pytest.fixture
def names(monkeypatch, tmp_path, rng):
    """What a block may take for granted, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    labels = np.arange(N) % C
    z = (rng.normal(size=(C, D))[labels] + 0.3 * rng.normal(size=(N, D))).astype(np.float32)
    rows = {"z": z, "labels": labels, "num_classes": C, "dim": D, "params": 2.0}
    given = {"batches": list(zip(np.split(z, 4), np.split(labels, 4), strict=True))}
    return rows | given | {"embed": lambda params, x: params * x, "jax": jax, "gramax": gramax}


def audits(names):
    assert names["report"].n == N
    assert names["report"].worst_pairs


def steps(names):
    found = names["eval_step"](names["params"], names["z"], names["labels"])
    assert len(found) == 6
    assert float(found["effective_rank"]) > 1


def streams(names):
    assert float(names["moments"].total) == N
    assert float(names["numbers"]["effective_rank"]) > 1


def declares(names):
    (metric,) = names["METRICS"]
    z = jnp.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    moments = gramax.ClassMoments.of(z, None, 1)
    assert float(metric.value(Evidence(moments))) == pytest.approx(2)


CHECKS = {
    "README.md, block 0": (audits, {}),
    "README.md, block 1": (steps, {}),
    "README.md, block 2": (streams, {}),
    "CONTRIBUTING.md, block 0": (declares, {"METRICS": Registry(), "Metric": Metric, "jnp": jnp}),
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
