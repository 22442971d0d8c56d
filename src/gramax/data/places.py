"""From what a user names (a file, a folder, a pattern, an address, several) to a list of files."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from gramax.data import chains, trees
from gramax.data.faults import fail
from gramax.data.files import read_json

Places = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A path, pattern or address, or several of them."""

WEB = ("http://", "https://")

PATTERN = re.compile(r"[*?[]")

STORE_FILES = ("zarr.json", ".zarray", ".zgroup")
"""One of these is in a folder that is a zarr store."""


def addresses(places: Places) -> list[str]:
    """What the user wrote, one text each."""
    if isinstance(places, str | os.PathLike):
        return [os.fspath(places)]
    return [os.fspath(place) for place in places]


def title(written: Sequence[str]) -> str:
    """What messages call all of them together."""
    more = f" and {len(written) - 1} more" if len(written) > 1 else ""
    return f"{written[0]}{more}" if written else "the list of files"


def files_of(written: Sequence[str], extensions: Collection[str]) -> list[str]:
    """Every file meant: in the order of a list, and in natural order from a folder or a pattern.

    Args:
        written: paths, addresses, folders, and patterns (`*`, `?`, `[...]`, `**`).
        extensions: what to look for in a folder, which must hold files of one of these alone.

    Raises:
        InputError: a pattern matches nothing, a folder is not clear, or a file is listed twice.
    """
    files = [file for one in written for file in _files(one, extensions)]
    if not files:
        raise fail(title(written), "is empty; name at least one file")
    twice = [file for file, count in Counter(files).items() if count > 1]
    if twice:
        raise fail(twice[0], "is listed twice, so its rows would count twice")
    _check_links(files)
    return files


def _check_links(files: Sequence[str]) -> None:
    """Refuse a file that is there under two names: a link, or a folder in itself."""
    known: dict[tuple[int, int], str] = {}
    for file in files if len(files) > 1 else ():
        try:
            status = os.stat(file)
        except (OSError, ValueError):  # an address, or what cannot be opened
            continue
        other = known.setdefault((status.st_dev, status.st_ino), file)
        if other != file and status.st_ino:
            raise fail(file, f"is the same file as {other}, so its rows would count twice")


def extension(file: str) -> str:
    """The extension of a file in small letters, without the query of a web address."""
    path = chains.path_of(file)
    path = urlsplit(path).path if path.startswith(WEB) else path
    return PurePosixPath(path).suffix.lower()


def is_store(file: str) -> bool:
    """Whether `file` is a folder that is a zarr store."""
    return trees.is_folder(file) and any(
        trees.exists(trees.join(file, name)) for name in STORE_FILES
    )


def natural(file: str) -> tuple[tuple[str | int, ...], str]:
    """A key that sorts `part-9` before `part-10`.

    Example:
        >>> print(sorted(["part-10.npy", "part-9.npy"], key=natural))
        ['part-9.npy', 'part-10.npy']
    """
    pieces = re.split(r"([0-9]+)", file)
    return tuple(int(p) if at % 2 else p for at, p in enumerate(pieces)), file


def _files(address: str, extensions: Collection[str]) -> list[str]:
    path = chains.path_of(address)
    web = path.startswith(WEB)  # its ? begins a query, and it has no folders
    if PATTERN.search(path) and not web and not trees.exists(address):
        matches = [file for file in trees.matches(address) if _is_one(file)]
        if not matches:
            raise fail(address, "no such file; as a pattern it matches none")
        return sorted(matches, key=natural)
    if web or not trees.is_folder(address):
        return [address]
    if is_store(address):
        return [address]
    return _in_folder(address, trees.names_in(address), extensions)


def _is_one(file: str) -> bool:
    return not trees.is_folder(file) or is_store(file)


def _in_folder(folder: str, names: Sequence[str], extensions: Collection[str]) -> list[str]:
    if "dataset_dict.json" in names or "state.json" in names:
        return _in_dataset(folder, names)
    visible = [name for name in names if not name.startswith((".", "_"))]
    kinds = Counter(kind for name in visible if (kind := extension(name)) in extensions)
    if not kinds:
        raise fail(folder, f"is a folder without files that are read ({', '.join(extensions)})")
    if len(kinds) > 1:
        found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        one = trees.join(folder, f"*{max(kinds)}")
        raise fail(folder, f"is a folder of {found}; say which, as {one}")
    found = [name for name in visible if extension(name) in kinds]
    return [trees.join(folder, name) for name in sorted(found, key=natural)]


def _in_dataset(folder: str, names: Sequence[str]) -> list[str]:
    """The files of a Hugging Face dataset saved to disk, in the order that it lists them."""
    if "dataset_dict.json" in names:
        splits = [name for name in names if trees.is_folder(trees.join(folder, name))]
        one = trees.join(folder, "NAME")
        raise fail(folder, f"holds several splits ({', '.join(splits)}); pick one: {one}")
    file = trees.join(folder, "state.json")
    about = read_json(file)
    listed = about.get("_data_files") if isinstance(about, dict) else None
    listed = listed if isinstance(listed, list) else []
    files = [str(one.get("filename")) if isinstance(one, dict) else "" for one in listed]
    # A name is looked up among those that are there, so it cannot point outside of the folder.
    if not files or not set(files) <= set(names):
        raise fail(file, "lists no data files, or some that are not in the folder")
    return [trees.join(folder, name) for name in files]
