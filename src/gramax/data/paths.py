"""Places: files, folders, patterns and addresses, on this machine or through fsspec.

An address is what fsspec reads: `s3://bucket/z.npy`, or a chain such as
`simplecache::zip://part-0.npy::s3://bucket/x.zip`. The path of a chain stands in its first link
that has `://` (the caches before it have none); the links after it say where the archive is. So
names are joined and matched in that link, never at the end of the chain. fsspec is imported on
first use.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import PurePosixPath
from threading import get_ident
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from gramax._optional import need
from gramax.data.checks import cause, decoding, fail
from gramax.errors import InputError, MissingExtraError

Places = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A path, pattern or address, or several of them."""

ARCHIVES = ("zip", "tar")
"""Protocols whose files are inside a file at the next link."""

CACHES = ("simplecache", "filecache", "blockcache", "cached")
"""Protocols that keep copies of the files at the next link."""

WEB = ("http://", "https://")

BESIDE_DATA = (".bin", ".csv", ".json", ".tsv", ".txt")
"""In a folder these are notes on the other files, where there are others."""

PATTERN = re.compile(r"[*?[]")

STORE_FILES = ("zarr.json", ".zarray", ".zgroup")
"""A folder that holds one of these is a zarr store."""

MAX_JSON_BYTES = 1 << 24


class Address(NamedTuple):
    """The parts of an address: `before::protocol://path::after`."""

    before: str
    protocol: str
    path: str
    after: str

    @property
    def in_archive(self) -> bool:
        """Whether the path is inside an archive."""
        return self.protocol in ARCHIVES and bool(self.after)

    def at(self, path: str) -> str:
        """The address of another `path` in the same place."""
        link = f"{self.protocol}://{path.removeprefix(f'{self.protocol}://')}"
        return "::".join(filter(None, (self.before, link, self.after)))


def parse(address: str) -> Address:
    """The parts of an `address` that has `://` in it."""
    links = address.split("::")
    at = next((k for k, link in enumerate(links) if "://" in link), 0)
    protocol, _, path = links[at].partition("://")
    return Address("::".join(links[:at]), protocol, path, "::".join(links[at + 1 :]))


def split_name(spec: str) -> tuple[str, str]:
    """`place::name` as (place, name); the name is empty where `spec` is a place by itself.

    Every archive and cache of a chain is followed by the link that it is in, so that what follows
    the last link is the name.

    Example:
        >>> print(split_name("zip://y.npz::x.zip::label"), split_name("y.npz::label"))
        ('zip://y.npz::x.zip', 'label') ('y.npz', 'label')
    """
    links, end = spec.split("::"), 0
    if "://" in spec:
        while end < len(links) - 1 and links[end].partition("://")[0] in (*ARCHIVES, *CACHES):
            end += 1
    elif exists(spec):
        return spec, ""
    else:
        end = max(len(links) - 2, 0)
    place = "::".join(links[: end + 1])
    return (place, "::".join(links[end + 1 :])) if place else (spec, "")


def outermost(file: str) -> str:
    """The file that all of a chain is in: on this machine, or at an address."""
    return split_name(file)[0].rpartition("::")[2].removeprefix("file://")


def is_address(file: str) -> bool:
    """Whether `file` is an address that fsspec knows rather than a path on this machine."""
    return "://" in file and not os.path.exists(file)


def addresses(places: Places) -> list[str]:
    """What the user wrote, one text each."""
    listed = [places] if isinstance(places, str | os.PathLike) else places
    return [os.fspath(place) for place in listed]


def title(written: Sequence[str]) -> str:
    """What messages call all of them together."""
    more = f" and {len(written) - 1} more" if len(written) > 1 else ""
    return f"{written[0]}{more}" if written else "the list of files"


def _own_path(place: str) -> str:
    """The link of an address that has the path in it; a path on this machine as it is."""
    return next((link for link in place.split("::") if "://" in link), place)


def extension(file: str) -> str:
    """The extension of a file in small letters, without the query of a web address."""
    path = _own_path(file)
    return PurePosixPath(urlsplit(path).path if path.startswith(WEB) else path).suffix.lower()


# One file


def filesystem(file: str) -> tuple[Any, str]:
    """The fsspec file system of the address `file`, and the path in it."""
    address = parse(file)
    fsspec = need("fsspec.core", f"reading {address.protocol}://", extra="io")
    if address.in_archive and not address.before:
        fs = _archive(address.protocol, address.after, version(address.after), get_ident())
        return fs, address.path.strip("/")
    with _reaching(file):
        return fsspec.url_to_fs(file)


@lru_cache(maxsize=4)
def _archive(kind: str, file: str, version: str, thread: int) -> Any:
    """The archive `file` in this `version`, whose list is read once for all that is in it.

    Each thread has its own, because readers of a tar share one position in it.
    """
    fsspec = need("fsspec", "reading archives", extra="io")
    if kind == "tar" and extension(file) in (".tgz", ".gz", ".bz2", ".xz", ".zst"):
        raise fail(file, "is a compressed tar; decompress it (gunzip, unxz, ...), or make it a zip")
    with decoding(file, f"{kind} archive"):
        return fsspec.filesystem(kind, fo=file)


@contextmanager
def _reaching(file: str) -> Iterator[None]:
    """Turn whatever the system or a protocol's driver raises into an `InputError`."""
    try:
        yield
    except (InputError, MissingExtraError):
        raise
    except FileNotFoundError:
        raise fail(file, "no such file") from None
    except Exception as error:  # a missing driver, an unknown protocol, a malformed address...
        how = "reached" if is_address(file) else "opened"
        raise fail(file, f"cannot be {how} ({cause(error)})") from error


def _asked(file: str, here: Callable[[str], Any], method: str, **options: Any) -> Any:
    """What the system says of a path on this machine, or a `method` of fsspec of an address."""
    fs, path = filesystem(file) if is_address(file) else (None, file)
    with _reaching(file):
        return here(path) if fs is None else getattr(fs, method)(path, **options)


def byte_size(file: str) -> int:
    """Bytes in `file`, which must be a regular file (opening a pipe would wait) and not empty."""
    found = _asked(file, os.stat, "info")
    if isinstance(found, os.stat_result):
        folder, size = stat.S_ISDIR(found.st_mode), found.st_size
        if not folder and not stat.S_ISREG(found.st_mode):
            raise fail(file, "is not a regular file")
    else:
        folder, size = found.get("type") == "directory", found.get("size")
    if folder:
        raise fail(file, "is a folder, not a file")
    if not isinstance(size, int):
        raise fail(file, "does not say how many bytes it has; copy it to this machine first")
    if size == 0:
        raise fail(file, "is empty (0 bytes)")
    return size


def open_binary(file: str) -> io.BufferedIOBase:
    """`file` opened for reading; from an address, bytes are fetched in blocks as they are read."""
    if not is_address(file):
        with _reaching(file):
            return open(file, "rb")
    fs, path = filesystem(file)
    with decoding(file, "file"):
        stream = fs.open(path, "rb")
    if parse(file).in_archive:
        stream.gramax_archive = fs  # an archive closes its own file once nobody refers to it
    return cast(io.BufferedIOBase, stream)


def read_json(file: str) -> object:
    """What the JSON `file` says."""
    if byte_size(file) > MAX_JSON_BYTES:
        raise fail(file, f"is larger than the {MAX_JSON_BYTES} bytes that such a file may have")
    with open_binary(file) as stream, decoding(file, "JSON"):
        return json.loads(stream.read(MAX_JSON_BYTES))


def state(file: str) -> dict[str, Any]:
    """What changes when `file` does: its size, and the time of the last change or a version.

    Of a folder (a zarr store), all files in it together.
    """
    if not is_folder(file):
        size = byte_size(file)
        if is_address(file):
            return {"size": size, "version": version(file)}
        return {"size": size, "mtime_ns": os.stat(file).st_mtime_ns}
    found = _asked(file, _stats_in, "find", detail=True)
    if not is_address(file):
        latest = max((one.st_mtime_ns for one in found), default=0)
        return {"size": sum(one.st_size for one in found), "mtime_ns": latest}
    listed = repr(sorted(map(repr, found.items())))
    inside = parse(file).in_archive
    known = version(file) if inside else hashlib.sha256(listed.encode()).hexdigest()
    return {"size": sum(one.get("size") or 0 for one in found.values()), "version": known}


def _stats_in(folder: str) -> list[os.stat_result]:
    return [os.stat(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names]


def version(file: str) -> str:
    """What changes when `file` does: an ETag or a time, hashed by fsspec.

    A file in an archive has that of the archive, whose list has no times worth the name.
    """
    if is_address(file) and parse(file).in_archive:
        return hashlib.sha256(version(parse(file).after).encode()).hexdigest()
    stamp = "{0.st_size} {0.st_mtime_ns}"
    return str(_asked(file, lambda path: stamp.format(os.stat(path)), "ukey"))


# Folders and patterns


def exists(file: str) -> bool:
    """Whether there is a file or folder of this name."""
    return bool(_asked(file, os.path.exists, "exists"))


def is_folder(file: str) -> bool:
    """Whether `file` is a folder."""
    return bool(_asked(file, os.path.isdir, "isdir"))


def is_store(file: str) -> bool:
    """Whether `file` is a folder that is a zarr store."""
    return is_folder(file) and any(exists(join(file, name)) for name in STORE_FILES)


def join(folder: str, name: str) -> str:
    """The file `name` in `folder`."""
    if not is_address(folder):
        return os.path.join(folder, name)
    address = parse(folder)
    return address.at(f"{address.path.rstrip('/')}/{name}" if address.path else name)


def names_in(folder: str) -> list[str]:
    """The names of files and folders in `folder`, in alphabetical order."""
    listed = _asked(folder, os.listdir, "ls", detail=False)
    return sorted({file.rstrip("/").rpartition("/")[2] for file in listed} - {""})


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
    known: dict[object, str] = {}
    for file in files:
        try:
            status = os.stat(file)
            key = (status.st_dev, status.st_ino) if status.st_ino else file
        except (OSError, ValueError):  # an address, or what cannot be opened
            key = file
        if key in known:  # by the same name, through a link, or in a folder that is in itself
            same = "listed twice" if known[key] == file else f"the same file as {known[key]}"
            raise fail(file, f"is {same}, so its rows would count twice")
        known[key] = file
    return files


def natural(file: str) -> tuple[tuple[str | int, ...], str]:
    """A key that sorts `part-9` before `part-10`."""
    pieces = re.split(r"([0-9]+)", file)
    return tuple(int(p) if at % 2 else p for at, p in enumerate(pieces)), file


def _files(place: str, extensions: Collection[str]) -> list[str]:
    path = _own_path(place)
    web = path.startswith(WEB)  # its ? begins a query, and it has no folders
    if PATTERN.search(path) and not web and not exists(place):
        found = _asked(place, lambda pattern: glob.glob(pattern, recursive=True), "glob")
        if is_address(place):
            fs, address = filesystem(place)[0], parse(place)
            chained = address.before or address.after
            found = [address.at(file) if chained else fs.unstrip_protocol(file) for file in found]
        files = [file for file in found if not is_folder(file) or is_store(file)]
        if not files:
            raise fail(place, "no such file; as a pattern it matches none")
        return sorted(files, key=natural)
    if web or not is_folder(place) or is_store(place):
        return [place]
    names = names_in(place)
    if "dataset_dict.json" in names or "state.json" in names:
        return _in_dataset(place, names)
    visible = [name for name in names if not name.startswith((".", "_"))]
    kinds = Counter(kind for name in visible if (kind := extension(name)) in extensions)
    if not kinds:
        raise fail(place, f"is a folder without files that are read ({', '.join(extensions)})")
    if set(kinds) - set(BESIDE_DATA):
        kinds = Counter({kind: n for kind, n in kinds.items() if kind not in BESIDE_DATA})
    if len(kinds) > 1:
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        raise fail(place, f"is a folder of {listed}; say which, as {join(place, f'*{max(kinds)}')}")
    found = [name for name in visible if extension(name) in kinds]
    return [join(place, name) for name in sorted(found, key=natural)]


def _in_dataset(folder: str, names: Sequence[str]) -> list[str]:
    """The files of a Hugging Face dataset saved to disk, in the order that it lists them."""
    if "dataset_dict.json" in names:
        splits = ", ".join(name for name in names if is_folder(join(folder, name)))
        raise fail(folder, f"holds several splits ({splits}); pick one: {join(folder, 'NAME')}")
    file = join(folder, "state.json")
    about = read_json(file)
    listed = about.get("_data_files") if isinstance(about, dict) else None
    listed = listed if isinstance(listed, list) else []
    files = [str(one.get("filename")) if isinstance(one, dict) else "" for one in listed]
    # A name is looked up among those that are there, so it cannot point outside of the folder.
    if not files or not set(files) <= set(names):
        raise fail(file, "lists no data files, or some that are not in the folder")
    return [join(folder, name) for name in files]
