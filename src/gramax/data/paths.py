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
from collections.abc import Collection, Iterator, Sequence
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
    def link(self) -> str:
        """The link that has the path."""
        return f"{self.protocol}://{self.path}"

    @property
    def in_archive(self) -> bool:
        """Whether the path is inside an archive."""
        return self.protocol in ARCHIVES and bool(self.after)

    def at(self, path: str) -> str:
        """The address of another `path` in the same place."""
        link = self._replace(path=path.removeprefix(f"{self.protocol}://")).link
        return "::".join(filter(None, (self.before, link, self.after)))


def parse(address: str) -> Address:
    """The parts of an `address` that has `://` in it.

    Example:
        >>> print(parse("simplecache::zip://a/*.npy::x.zip"))
        Address(before='simplecache', protocol='zip', path='a/*.npy', after='x.zip')
    """
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
    if isinstance(places, str | os.PathLike):
        return [os.fspath(places)]
    return [os.fspath(place) for place in places]


def title(written: Sequence[str]) -> str:
    """What messages call all of them together."""
    more = f" and {len(written) - 1} more" if len(written) > 1 else ""
    return f"{written[0]}{more}" if written else "the list of files"


def extension(file: str) -> str:
    """The extension of a file in small letters, without the query of a web address."""
    path = parse(file).link if "://" in file else file
    path = urlsplit(path).path if path.startswith(WEB) else path
    return PurePosixPath(path).suffix.lower()


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
    """Turn whatever a protocol's driver raises into an `InputError`."""
    try:
        yield
    except (InputError, MissingExtraError):
        raise
    except FileNotFoundError:
        raise fail(file, "no such file") from None
    except Exception as error:  # a missing driver, an unknown protocol, a malformed address...
        raise fail(file, f"cannot be reached ({cause(error)})") from error


def byte_size(file: str) -> int:
    """Bytes in `file`, which must be a regular file (opening a pipe would wait) and not empty."""
    size = _size_at(file) if is_address(file) else _status(file).st_size
    if size == 0:
        raise fail(file, "is empty (0 bytes)")
    return size


def _size_at(file: str) -> int:
    fs, path = filesystem(file)
    with _reaching(file):
        about = fs.info(path)
    if about.get("type") == "directory":
        raise fail(file, "is a folder, not a file")
    if not isinstance(about.get("size"), int):
        raise fail(file, "does not say how many bytes it has; copy it to this machine first")
    return about["size"]


def _status(file: str) -> os.stat_result:
    try:
        found = os.stat(file)
    except FileNotFoundError:
        raise fail(file, "no such file") from None
    except (OSError, ValueError) as error:
        raise fail(file, f"cannot be opened ({cause(error)})") from None
    if stat.S_ISDIR(found.st_mode):
        raise fail(file, "is a folder, not a file")
    if not stat.S_ISREG(found.st_mode):
        raise fail(file, "is not a regular file")
    return found


def open_binary(file: str) -> io.BufferedIOBase:
    """`file` opened for reading; from an address, bytes are fetched in blocks as they are read."""
    if not is_address(file):
        try:
            return open(file, "rb")
        except OSError as error:
            raise fail(file, f"cannot be opened ({cause(error)})") from None
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
    if is_address(file):
        return _state_at(file)
    if not os.path.isdir(file):
        return {"size": byte_size(file), "mtime_ns": os.stat(file).st_mtime_ns}
    try:
        known = [
            os.stat(os.path.join(at, name)) for at, _, names in os.walk(file) for name in names
        ]
    except OSError as error:
        raise fail(file, f"cannot be opened ({cause(error)})") from None
    latest = max((one.st_mtime_ns for one in known), default=0)
    return {"size": sum(one.st_size for one in known), "mtime_ns": latest}


def _state_at(file: str) -> dict[str, Any]:
    if not is_folder(file):
        return {"size": byte_size(file), "version": version(file)}
    fs, path = filesystem(file)
    with _reaching(file):
        found = fs.find(path, detail=True)
    size = sum(about.get("size") or 0 for about in found.values())
    if parse(file).in_archive:
        return {"size": size, "version": version(file)}
    listed = hashlib.sha256(repr(sorted(map(repr, found.items()))).encode())
    return {"size": size, "version": listed.hexdigest()}


def version(file: str) -> str:
    """What changes when `file` does: an ETag or a time, hashed by fsspec.

    A file in an archive has that of the archive, whose list has no times worth the name.
    """
    if not is_address(file):
        status = _status(file)
        return f"{status.st_size} {status.st_mtime_ns}"
    address = parse(file)
    if address.in_archive:
        return hashlib.sha256(version(address.after).encode()).hexdigest()
    fs, path = filesystem(file)
    with _reaching(file):
        return str(fs.ukey(path))


# Folders and patterns


def exists(file: str) -> bool:
    """Whether there is a file or folder of this name."""
    if not is_address(file):
        return os.path.exists(file)
    fs, path = filesystem(file)
    with _reaching(file):
        return bool(fs.exists(path))


def is_folder(file: str) -> bool:
    """Whether `file` is a folder."""
    if not is_address(file):
        return os.path.isdir(file)
    fs, path = filesystem(file)
    with _reaching(file):
        return bool(fs.isdir(path))


def is_store(file: str) -> bool:
    """Whether `file` is a folder that is a zarr store."""
    return is_folder(file) and any(exists(join(file, name)) for name in STORE_FILES)


def join(folder: str, name: str) -> str:
    """The file `name` in `folder`."""
    if not is_address(folder):
        return os.path.join(folder, name)
    address = parse(folder)
    path = address.path.rstrip("/")
    return address.at(f"{path}/{name}" if address.path else name)


def names_in(folder: str) -> list[str]:
    """The names of files and folders in `folder`, in alphabetical order."""
    if not is_address(folder):
        try:
            return sorted(os.listdir(folder))
        except OSError as error:
            raise fail(folder, f"cannot be opened ({cause(error)})") from None
    fs, path = filesystem(folder)
    with _reaching(folder):
        names = {file.rstrip("/").rpartition("/")[2] for file in fs.ls(path, detail=False)}
    return sorted(names - {""})


def _matches(pattern: str) -> list[str]:
    """The files and folders that `pattern` matches, in no order."""
    if not is_address(pattern):
        return glob.glob(pattern, recursive=True)
    fs, path = filesystem(pattern)
    with _reaching(pattern):
        found, address = fs.glob(path), parse(pattern)
        if address.before or address.after:
            return [address.at(file) for file in found]
        return [fs.unstrip_protocol(file) for file in found]


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


def natural(file: str) -> tuple[tuple[str | int, ...], str]:
    """A key that sorts `part-9` before `part-10`.

    Example:
        >>> print(sorted(["part-10.npy", "part-9.npy"], key=natural))
        ['part-9.npy', 'part-10.npy']
    """
    pieces = re.split(r"([0-9]+)", file)
    return tuple(int(p) if at % 2 else p for at, p in enumerate(pieces)), file


def _files(place: str, extensions: Collection[str]) -> list[str]:
    path = parse(place).link if "://" in place else place
    web = path.startswith(WEB)  # its ? begins a query, and it has no folders
    if PATTERN.search(path) and not web and not exists(place):
        matches = [file for file in _matches(place) if not is_folder(file) or is_store(file)]
        if not matches:
            raise fail(place, "no such file; as a pattern it matches none")
        return sorted(matches, key=natural)
    if web or not is_folder(place) or is_store(place):
        return [place]
    return _in_folder(place, names_in(place), extensions)


def _in_folder(folder: str, names: Sequence[str], extensions: Collection[str]) -> list[str]:
    if "dataset_dict.json" in names or "state.json" in names:
        return _in_dataset(folder, names)
    visible = [name for name in names if not name.startswith((".", "_"))]
    kinds = Counter(kind for name in visible if (kind := extension(name)) in extensions)
    if not kinds:
        raise fail(folder, f"is a folder without files that are read ({', '.join(extensions)})")
    if len(kinds) > 1:
        found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        one = join(folder, f"*{max(kinds)}")
        raise fail(folder, f"is a folder of {found}; say which, as {one}")
    found = [name for name in visible if extension(name) in kinds]
    return [join(folder, name) for name in sorted(found, key=natural)]


def _in_dataset(folder: str, names: Sequence[str]) -> list[str]:
    """The files of a Hugging Face dataset saved to disk, in the order that it lists them."""
    if "dataset_dict.json" in names:
        splits = [name for name in names if is_folder(join(folder, name))]
        one = join(folder, "NAME")
        raise fail(folder, f"holds several splits ({', '.join(splits)}); pick one: {one}")
    file = join(folder, "state.json")
    about = read_json(file)
    listed = about.get("_data_files") if isinstance(about, dict) else None
    listed = listed if isinstance(listed, list) else []
    files = [str(one.get("filename")) if isinstance(one, dict) else "" for one in listed]
    # A name is looked up among those that are there, so it cannot point outside of the folder.
    if not files or not set(files) <= set(names):
        raise fail(file, "lists no data files, or some that are not in the folder")
    return [join(folder, name) for name in files]
