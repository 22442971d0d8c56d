"""Folders and patterns, on this machine or at an address."""

from __future__ import annotations

import glob
import hashlib
import os

from gramax.data import chains, remote
from gramax.data.faults import cause, decoding, fail


def exists(file: str) -> bool:
    """Whether there is a file or folder of this name."""
    if not remote.is_address(file):
        return os.path.exists(file)
    fs, path = remote.filesystem(file)
    with decoding(file, "address"):
        return bool(fs.exists(path))


def is_folder(file: str) -> bool:
    """Whether `file` is a folder."""
    if not remote.is_address(file):
        return os.path.isdir(file)
    fs, path = remote.filesystem(file)
    with decoding(file, "address"):
        return bool(fs.isdir(path))


def names_in(folder: str) -> list[str]:
    """The names of files and folders in `folder`, in alphabetical order."""
    if not remote.is_address(folder):
        try:
            return sorted(os.listdir(folder))
        except OSError as error:
            raise fail(folder, f"cannot be opened ({cause(error)})") from None
    fs, path = remote.filesystem(folder)
    with decoding(folder, "folder"):
        names = {file.rstrip("/").rpartition("/")[2] for file in fs.ls(path, detail=False)}
    return sorted(names - {""})


def matches(pattern: str) -> list[str]:
    """The files and folders that `pattern` matches, in no order."""
    if not remote.is_address(pattern):
        return glob.glob(pattern, recursive=True)
    fs, path = remote.filesystem(pattern)
    with decoding(pattern, "pattern"):
        found = fs.glob(path)
        chain = chains.parse(pattern)
        if chain.before or chain.after:
            return [chain.at(file) for file in found]
        return [fs.unstrip_protocol(file) for file in found]


def state(folder: str) -> dict[str, object]:
    """Bytes of all files in `folder`, and the latest change or what their versions hash to."""
    if remote.is_address(folder):
        return _state_at(folder)
    try:
        known = [
            os.stat(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names
        ]
    except OSError as error:
        raise fail(folder, f"cannot be opened ({cause(error)})") from None
    return {
        "size": sum(one.st_size for one in known),
        "mtime_ns": max((one.st_mtime_ns for one in known), default=0),
    }


def _state_at(folder: str) -> dict[str, object]:
    fs, path = remote.filesystem(folder)
    with decoding(folder, "folder"):
        found = fs.find(path, detail=True)
        size = sum(about.get("size") or 0 for about in found.values())
        if chains.parse(folder).in_archive:
            return {"size": size, "version": remote.version(folder)}
        version = hashlib.sha256(repr(sorted(map(repr, found.items()))).encode())
        return {"size": size, "version": version.hexdigest()}


def join(folder: str, name: str) -> str:
    """The file `name` in `folder`."""
    if remote.is_address(folder):
        chain = chains.parse(folder)
        path = chain.path.rstrip("/")
        return chain.at(f"{path}/{name}" if chain.path else name)
    return os.path.join(folder, name)
