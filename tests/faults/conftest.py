"""A folder with embeddings, and disks that are full or read-only."""

import contextlib
import os
import resource
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.test_seed import clouds


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder: 120 rows in 4 classes."""
    monkeypatch.chdir(tmp_path)
    z, y = clouds(7, 120, 12, 4)
    np.save("z.npy", z)
    np.save("y.npy", y)
    return tmp_path


class Disk:
    """A file system of 64 KiB, mounted in the folder `disk`."""

    def fill(self):
        """Leave no byte on it."""
        with contextlib.suppress(OSError), Path("disk/filler").open("wb", buffering=0) as file:
            while file.write(b"x" * 512):
                pass

    def free(self):
        os.remove("disk/filler")

    def read_only(self):
        subprocess.run(["mount", "-o", "remount,ro", "disk"], check=True)


@pytest.fixture
def disk(folder):
    os.mkdir("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", "disk"]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield Disk()
    os.chdir("/")
    subprocess.run(["umount", "--lazy", folder / "disk"], check=True)


@pytest.fixture
def small_files():
    """Files end at 4 KiB: the next byte is an error, as on a full disk, without being root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
