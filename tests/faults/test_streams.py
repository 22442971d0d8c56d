"""Standard streams that are full, closed, gone or plain ASCII; and the machine's language."""

import io
import json
import locale
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults.processes import GRAMAX

from gramax.cli import main, streams


def run(command, redirection="", env=()):
    """The command in a shell, with the redirection."""
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *command],
        capture_output=True,
        text=True,
        env=os.environ | dict(env),
    )


def test_a_full_disk_behind_stdout_is_one_line():
    ended = run([*GRAMAX, "--help"], "> /dev/full")
    assert ended.returncode == 2
    assert ended.stderr == ("gramax: standard output: cannot be written: No space left on device\n")


def test_a_reader_that_goes_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run([*GRAMAX, "--help"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_stream_outlives_its_disk_and_says_why():
    stream = streams.Stream(open("/dev/full", "wb"), "utf-8")  # noqa: SIM115
    for _ in range(100):
        stream.write("x" * 999)
    stream.flush()
    assert stream.failed.strerror == "No space left on device"
    stream.close()


@pytest.mark.parametrize(
    ("redirection", "command", "code"),
    [
        ("<&- >&- 2>&-", ["--help"], 0),
        ("2>&-", ["timeline", "run.jsonl", "--out", "no.ending"], 2),
        ("<&-", ["--version"], 0),
    ],
)
def test_closed_streams_go_nowhere(redirection, command, code):
    ended = run([*GRAMAX, *command], redirection)
    assert (ended.returncode, ended.stderr) == (code, "")


def test_files_do_not_take_the_place_of_closed_streams(tmp_path):
    code = (
        "import os, sys; from gramax.cli import streams; streams.prepare()\n"
        "file = open(sys.argv[1], 'w'); os.write(1, b'lost'); os.write(2, b'lost'); print('lost')\n"
        "file.write(str(file.fileno()))"
    )
    file = tmp_path / "file"
    assert run([sys.executable, "-c", code, file], "<&- >&- 2>&-").returncode == 0
    assert int(file.read_text()) > 2


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_plain_letters_where_there_are_no_others(env):
    ended = run([*GRAMAX, "metrics", "cdnv"], env=env)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "|mu_k-mu_l|^2" in ended.stdout


def test_every_character_has_plain_letters():
    out = io.BytesIO()
    stream = streams.Stream(out, "ascii", "gramax.plain")
    streams.codecs.register_error("gramax.plain", streams.plain)
    stream.write("● × ▁█ σ é ½ 中 \udce9")
    stream.flush()
    assert out.getvalue() == rb"+ x 18 sigma e 1/2 \u4e2d \udce9"


@pytest.fixture(scope="module")
def turkish(tmp_path_factory):
    """The locale where I is not the capital of i, built where it is not installed."""
    folder = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-i", "tr_TR", "-f", "UTF-8", str(folder / "tr_TR.UTF-8")]
    try:
        subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no Turkish locale here")
    return folder


def test_the_language_of_the_machine_changes_no_byte(folder, turkish, monkeypatch, capsys):
    command = ["audit", "z.npy", "--labels", "y.npy", "--html", "out.html", "--json", "-"]
    assert main(command) == 0
    before, page = capsys.readouterr().out, Path("out.html").read_bytes()
    monkeypatch.setenv("LOCPATH", str(turkish))
    try:
        locale.setlocale(locale.LC_ALL, "tr_TR.UTF-8")
        assert locale.localeconv()["decimal_point"] == ","
        assert main(command) == 0
        assert main([*command[:4], "--fail-on", "effective_rank<0.5"]) == 0
    finally:
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
    after = capsys.readouterr().out
    assert after.startswith(before)
    assert Path("out.html").read_bytes() == page
    assert json.loads(before)["n"] == 120
