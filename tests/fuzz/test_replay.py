"""What the fuzzer found and what was made by hand, read again; and some inputs more."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pytest

from gramax.cli import main
from gramax.data.formats import reads_in_process
from tests.fuzz.__main__ import CORPUS
from tests.fuzz.handmade import HANDMADE
from tests.fuzz.mutators import mutated
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS, judged, place, read_embeddings

READ = {
    "npz": {"bomb", "bomb of columns", "control", "paths"},
    "safetensors": {"overlap"},
    "parquet": {"control"},
    "jsonl": {"surrogate", "control", "names"},
    "hdf5": {"control", "bomb"},
    "csv": {"control", "one long field", "open quote"},
    "words": {"no text"},
    "json": {"surrogate", "control"},
    "txt": {"control", "digits"},
    "runlog": {"control", "surrogate"},
    "report": {"control", "a metric called so", "surrogate", "huge", "infinite", "long"},
}
"""The files made by hand that are odd, and are read: names are names, however they look."""

EITHER = {"hdf5": {"short", "short lzf"}, "parquet": {"field-of-another-type-1"}}
"""Files that are read or refused, by the library's version or by chance.

HDF5 fills up a chunk that inflates to too few bytes with what lay in its memory.
"""

FOUND = sorted(file for file in CORPUS.rglob("*") if file.is_file())

INPUTS = 120
"""Of every reader, at each run of the tests."""

MEMORY_BYTES, SECONDS = 4 << 30, 30


@pytest.fixture
def said_of(apart):
    """As `judged`; of a file that ends the process that reads it, that it did so."""

    def said(name, file):
        extension, read = TARGETS[name]
        if read is not read_embeddings or reads_in_process(f"x{extension}"):
            return judged(name, file)
        if not apart:
            limit = (resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
            apart.append(ProcessPoolExecutor(1, get_context("spawn"), resource.setrlimit, limit))
        try:
            return apart[0].submit(judged, name, file).result(SECONDS)
        except BrokenProcessPool:
            apart.pop().shutdown()
            return "the process that read it was ended"

    return said


@pytest.fixture(scope="module")
def apart():
    """A process for files that a library in C reads, once it is needed."""
    pools = []
    yield pools
    for pool in pools:
        pool.shutdown()


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(tmp_path, said_of, name):
    """The fuzz would prove nothing if these were refused to begin with."""
    for data in SEEDS[name]:
        said = said_of(name, place(name, data, tmp_path))
        # Such rows are left out one by one.
        assert said is None or said.endswith(("is nan", "nan throughout, or null"))


@pytest.mark.parametrize("name", HANDMADE)
def test_files_made_by_hand(tmp_path, said_of, name):
    for what, data in HANDMADE[name].items():
        said = said_of(name, place(name, data, tmp_path))
        if what not in EITHER.get(name, ()):
            assert (said is None) == (what in READ.get(name, ())), f"{what}: {said}"


@pytest.mark.parametrize("file", FOUND, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_findings_are_refused(tmp_path, said_of, file):
    name = file.parent.name
    said = said_of(name, place(name, file.read_bytes(), tmp_path))
    assert said is not None or file.name in EITHER.get(name, ())


@pytest.mark.parametrize("name", TARGETS)
def test_changed_files(tmp_path, said_of, name):
    rng = random.Random(20261124)
    starts = [*SEEDS[name], *HANDMADE[name].values()] if name == "txt" else SEEDS[name]
    said = set()
    for _ in range(INPUTS):
        said.add(said_of(name, place(name, mutated(name, rng.choice(starts), rng), tmp_path)))
    assert len(said) > (2 if name == "report" else 5)


BOMBS = {"npz": ["bomb", "bomb of columns", "4 GiB"], "npy": ["huge", "wide text"]}
"""Of the formats that are read in the user's own process."""

WEIGH = """
import resource, sys
from tests.fuzz.targets import judged

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

for name, file in (line.split("|") for line in sys.argv[1:]):
    if "seed" not in file and "before" not in globals():
        before = peak()
    judged(name, file)
print(peak() - before)
"""


def test_bombs_take_little_memory(tmp_path):
    """In a process of its own, whose peak is its own; valid files first, which load what reads."""
    files = []
    for name, whats in BOMBS.items():
        for what in ["seed", *whats]:
            folder = tmp_path / name / what
            folder.mkdir(parents=True)
            data = SEEDS[name][0] if what == "seed" else HANDMADE[name][what]
            files.append((what != "seed", f"{name}|{place(name, data, folder)}"))
    command = [sys.executable, "-c", WEIGH, *(file for _, file in sorted(files))]
    root = Path(__file__).parents[2]
    run = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert int(run.stdout) < 200, "MiB"


ON_THE_COMMAND_LINE = [
    ("npy", "pickle"), ("npz", "4 GiB"), ("safetensors", "surrogate"),
    ("parquet", "one long row"), ("hdf5", "never written"), ("zarr", "one by one"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "what"), ON_THE_COMMAND_LINE)
def test_the_command_says_it_in_one_line(tmp_path, capfd, name, what):
    (tmp_path / "in").mkdir()
    file = place(name, HANDMADE[name][what], tmp_path / "in")
    (tmp_path / "out").mkdir()
    outs = [f"--{kind}={tmp_path}/out/x.{kind}" for kind in ("json", "html")]
    assert main(["audit", file, *outs]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"gramax: {file}")
    assert err.rstrip("\n").isprintable()
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("what", ["pickle", "empty", "embeddings"])
def test_the_command_refuses_a_hostile_checkpoint(tmp_path, capfd, what):
    saved, data = tmp_path / "saved", HANDMADE["checkpoint"][what]
    saved.write_bytes(data)
    assert main(["audit", place("npy", SEEDS["npy"][0], tmp_path), f"--checkpoint={saved}"]) == 2
    assert "saved" in capfd.readouterr().err
    assert saved.read_bytes() == data
