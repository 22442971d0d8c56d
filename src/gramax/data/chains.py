"""Addresses that are chained, as fsspec writes them: `zip://part-0.npy::s3://bucket/x.zip`.

The path of a chain is in its first link that has one: caches before it (`simplecache::`) have none,
and what comes after it says where the archive is. So names are joined, matched and told apart in
that link, never at the end of the chain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

ARCHIVES = ("zip", "tar")
"""What is a file at the next link."""

CACHES = ("simplecache", "filecache", "blockcache", "cached")
"""What keeps copies of the files at the next link."""


@dataclass(frozen=True)
class Chain:
    """The parts of an address: `before::protocol://path::after`; one link has `path` alone."""

    protocol: str
    path: str
    before: str = ""
    after: str = ""

    @property
    def link(self) -> str:
        """The link that has the path."""
        return f"{self.protocol}://{self.path}"

    @property
    def text(self) -> str:
        """The whole address."""
        return "::".join(filter(None, (self.before, self.link, self.after)))

    @property
    def in_archive(self) -> bool:
        """Whether the path is inside an archive."""
        return self.protocol in ARCHIVES and bool(self.after)

    def at(self, path: str) -> str:
        """The address of another `path` in the same place."""
        return replace(self, path=path.removeprefix(f"{self.protocol}://")).text


def parse(address: str) -> Chain:
    """The parts of an `address` that has `://` in it.

    Example:
        >>> print(parse("simplecache::zip://a/*.npy::x.zip"))
        Chain(protocol='zip', path='a/*.npy', before='simplecache', after='x.zip')
    """
    links = address.split("::")
    at = next((k for k, link in enumerate(links) if "://" in link), 0)
    protocol, _, path = links[at].partition("://")
    return Chain(protocol, path, "::".join(links[:at]), "::".join(links[at + 1 :]))


def path_of(file: str) -> str:
    """The link of an address that has the path; a file on this machine as it is."""
    return parse(file).link if "://" in file else file


def split_name(spec: str) -> tuple[str, str]:
    """`address::name` of an archive as (address, name): what follows the last link is the name.

    Example:
        >>> print(split_name("zip://y.npz::tar://x.zip::file:///x.tar::label"))
        ('zip://y.npz::tar://x.zip::file:///x.tar', 'label')
    """
    links = spec.split("::")
    end = 0
    while end < len(links) - 1 and links[end].partition("://")[0] in (*ARCHIVES, *CACHES):
        end += 1
    return "::".join(links[: end + 1]), "::".join(links[end + 1 :])


def ends_at(file: str) -> str:
    """The file that all of a chain is in: on this machine, or at an address."""
    return split_name(file)[0].rpartition("::")[2].removeprefix("file://")
