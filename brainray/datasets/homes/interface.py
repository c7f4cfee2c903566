"""Where a ready data set's files come from, and how they are brought into their layout."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

Content: TypeAlias = pa.Table | bytes
"""Of a file that is made: a Parquet table, or bytes as they are."""


@dataclass(frozen=True)
class Download:
    """A file on the web.

    Attributes:
        file: its name here.
        urls: of it and its mirrors, in the order in which they are tried.
        sha256: of its bytes; None where the server makes them anew and they may change.
        size: in bytes, where it is known.
    """

    file: str
    urls: tuple[str, ...]
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class Table:
    """A Parquet file in the layout of $BRAINRAY_DATA.

    Attributes:
        items: what is pinned of the table: a name and bytes for each row, in any order.
        digest: the `digest_of` these items.
    """

    items: Callable[[pa.Table], Iterable[tuple[str, bytes]]]
    digest: str


@dataclass(frozen=True)
class Home:
    """A data set's public home.

    Attributes:
        name: of the data set, and of its folder.
        title: what it is, for people.
        page: where it is described.
        license: of the data.
        note: what else is to be known: of the pinned version, and of what is pinned.
        downloads: what is fetched.
        tables: the Parquet files that are made, by name.
        unpack: makes them, and files beside them, from the fetched files' paths by name; it raises
            whatever the readers of damaged files raise.
    """

    name: str
    title: str
    page: str
    license: str
    note: str
    downloads: tuple[Download, ...]
    tables: Mapping[str, Table]
    unpack: Callable[[Mapping[str, Path]], dict[str, Content]]


def digest_of(items: Iterable[tuple[str, bytes]]) -> str:
    """Return a sha256 of named bytes that does not depend on their order or on how they are kept.

    It is the sha256 of the concatenation, in sorted order, of sha256(name) and sha256(bytes).
    """
    pairs = sorted(
        hashlib.sha256(name.encode()).digest() + hashlib.sha256(content).digest()
        for name, content in items
    )
    return hashlib.sha256(b"".join(pairs)).hexdigest()
