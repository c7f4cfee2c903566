"""A problem whose values stand in a table: searchers are compared on it in seconds.

Tabular benchmarks hold every architecture of a space with the accuracy it reached (Ying et al.,
NAS-Bench-101, ICML 2019; Dong and Yang, NAS-Bench-201, ICLR 2020). Here such a table is a Parquet
file: a row a code, a column a gene, and columns of numbers to search on and to report. A search
sees one of these columns; what it found is judged by another.
"""

import fnmatch
import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from brainray.errors import DataError
from brainray.search.interface import Brood, Gene, Genome, Solution, Space
from brainray.seeding import derive
from brainray.shapes import IntArray

EDGE = re.compile(r"([^|~+]+)~(\d+)")
"""An edge of a cell: its operation and the node that it comes from."""

GROUP = "column {}"
"""The group of a column's gene: never one that stands for a level, whatever the column's name."""


@dataclass(frozen=True)
class Codes:
    """The codes that a table has, in the order of its rows; N codes of G genes.

    Attributes:
        codes_NG: alleles' indices, shape `(N, G)`.
    """

    codes_NG: IntArray

    @cached_property
    def rows(self) -> dict[Genome, int]:
        """The row of each code."""
        return {tuple(code): row for row, code in enumerate(self.codes_NG.tolist())}

    @cached_property
    def ascending(self) -> tuple[Genome, ...]:
        """The codes in an order that does not depend on that of the rows."""
        return tuple(sorted(self.rows))

    @cached_property
    def _matrix(self) -> IntArray:
        return np.asarray(self.ascending)

    def legal(self) -> tuple[Genome, ...]:
        """Return all codes, as a space wants them."""
        return self.ascending

    def repair(self, genome: Genome) -> Genome:
        """Return the code of the table nearest to ``genome`` by Hamming distance.

        In a complete table that is ``genome`` itself. ``genome`` alone decides among equally near
        ones, by its hash: neither the order of the rows nor that of the alleles prefers one.
        """
        if genome in self.rows:
            return genome
        distances_N = (self._matrix != np.asarray(genome)).sum(axis=1)
        (nearest,) = np.nonzero(distances_N == distances_N.min())
        return self.ascending[nearest[derive(0, "nearest", *genome) % len(nearest)]]


@dataclass(frozen=True)
class TableProblem:
    """Looks values up.

    Attributes:
        space: a gene a column, each a group of its own; a code that the table lacks is repaired.
        codes: of the table.
        search_on: the column whose values a search sees.
        columns: the values of each column of numbers, one a code.
        minimised: columns of which smaller values are better.
    """

    space: Space
    codes: Codes
    search_on: str
    columns: Mapping[str, tuple[float, ...]]
    minimised: frozenset[str] = frozenset()

    @property
    def sign(self) -> int:
        """-1 if what is searched on is minimised, else 1; searches maximise its product."""
        return -1 if self.search_on in self.minimised else 1

    def evaluate(self, brood: Brood) -> list[float]:
        """Return the value of each genome, to be maximised: negated if small ones are better."""
        values = self.columns[self.search_on]
        return [self.sign * values[self.codes.rows[genome]] for genome in brood.genomes]

    def report(self, genome: Genome) -> dict[str, float]:
        """Return what the table says about a code, by column."""
        row = self.codes.rows[genome]
        return {name: values[row] for name, values in self.columns.items()}

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Return the best genome by the column that is searched on; nothing is trained."""
        winner = max(genomes, key=lambda genome: self.sign * self.report(genome)[self.search_on])
        found = self.report(winner)
        return Solution(winner, self.sign * found[self.search_on], {}, {"columns": found})


def read_table(
    path: Path, genes: str, search_on: str, report: Sequence[str], minimise: Sequence[str] = ()
) -> TableProblem:
    """Read a table.

    Args:
        path: of a Parquet file.
        genes: a pattern of the names of gene columns, e.g. ``gene_*``. They hold integers or
            strings. A column of NAS-Bench-201 cells, such as
            ``|none~0|+|none~0|none~1|``, becomes a gene an edge.
        search_on: the column whose values a search sees; the largest is the best.
        report: columns that judge what was found.
        minimise: of these columns, those of which the smallest value is the best.

    Raises:
        DataError: naming the file, the column and the value.
    """
    try:
        return problem_of(_open(path), genes, search_on, report, minimise)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def problem_of(
    table: pa.Table, genes: str, search_on: str, report: Sequence[str], minimise: Sequence[str] = ()
) -> TableProblem:
    """Return the problem of a table in memory; arguments and errors as of `read_table`."""
    for name in table.column_names:
        if table.column_names.count(name) > 1:
            raise DataError(f"has two columns named {name!r}")
    if not table.num_rows:
        raise DataError("has no rows")
    names = [name for name in table.column_names if fnmatch.fnmatchcase(name, genes)]
    if not names:
        raise DataError(f"no gene column {genes!r}, there are {', '.join(table.column_names)}")
    columns = {}
    for name in dict.fromkeys([search_on, *report]):
        if name in names:
            raise DataError(f"column {name!r}: is both a gene ({genes}) and a value")
        columns[name] = _numbers(table, name)
    for name in minimise:
        if name not in columns:
            raise DataError(
                f"column {name!r}: to be minimised, but it is neither searched on nor reported, "
                f"as are {', '.join(columns)}"
            )
    found = [_genes(name, _labels(table, name)) for name in names]
    members = tuple(chain.from_iterable(genes for genes, _ in found))
    _check_names(names, [genes for genes, _ in found])
    codes = Codes(np.stack(list(chain.from_iterable(indices for _, indices in found)), axis=1))
    _check_unique(codes, members)
    space = Space(members, codes.repair)
    if len(codes.rows) < space.codes:
        space = replace(space, legal=codes.legal)
    return TableProblem(space, codes, search_on, columns, frozenset(minimise))


def _open(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path).read()
    except FileNotFoundError as error:
        raise DataError("there is no such file") from error
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"cannot be read as Parquet: {reason}") from error


def _column(table: pa.Table, name: str, allowed: str, fits: Callable[[Any], bool]) -> list[Any]:
    """Return the values of a column of an allowed type, none of them missing."""
    if name not in table.column_names:
        raise DataError(f"no column {name!r}, there are {', '.join(table.column_names)}")
    column = table.column(name)
    kind = column.type.value_type if kinds.is_dictionary(column.type) else column.type
    if not fits(kind):
        raise DataError(f"column {name!r}: holds {column.type}, allowed are {allowed}")
    values: list[Any] = column.to_pylist()
    if None in values:
        raise DataError(f"column {name!r}, row {values.index(None)}: is missing")
    return values


def _numbers(table: pa.Table, name: str) -> tuple[float, ...]:
    def fits(kind: Any) -> bool:
        return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind))

    values = tuple(map(float, _column(table, name, "numbers", fits)))
    for row, value in enumerate(values):
        if not math.isfinite(value):
            raise DataError(f"column {name!r}, row {row}: is {value}, allowed are finite numbers")
    return values


def _labels(table: pa.Table, name: str) -> list[Any]:
    def fits(kind: Any) -> bool:
        return bool(kinds.is_integer(kind) or kinds.is_string(kind) or kinds.is_large_string(kind))

    return _column(table, name, "integers and strings", fits)


def _genes(name: str, labels: list[Any]) -> tuple[list[Gene], list[IntArray]]:
    """Return the genes of a column, and the alleles' index of each row."""
    if isinstance(labels[0], str) and any(label.startswith("|") for label in labels):
        edges = [_edges(name, row, label) for row, label in enumerate(labels)]
        for row, found in enumerate(edges):
            if found.keys() != edges[0].keys():
                raise DataError(
                    f"column {name!r}, row {row}: cell {labels[row]!r} has other edges than "
                    f"{labels[0]!r}"
                )
        parts = {edge: [cell[edge] for cell in edges] for edge in edges[0]}
    else:
        parts = {name: labels}
    encoded = [_encode(values) for values in parts.values()]
    genes = [
        Gene(part, tuple(map(str, alleles)), GROUP.format(part))
        for part, (alleles, _) in zip(parts, encoded, strict=True)
    ]
    return genes, [indices for _, indices in encoded]


def _edges(name: str, row: int, cell: str) -> dict[str, str]:
    """Return the operation of each edge of a cell by the edge's name, ``cellstr.0-1`` and so on."""
    edges = {}
    for node, arriving in enumerate(cell.split("+"), start=1):
        for edge in arriving.strip("|").split("|"):
            match = EDGE.fullmatch(edge)
            part = f"{name}.{match[2]}-{node}" if match else ""
            if match is None or int(match[2]) >= node or part in edges or arriving[0] != "|":
                raise DataError(
                    f"column {name!r}, row {row}: {cell!r} is no cell of NAS-Bench-201, such as "
                    "'|none~0|+|none~0|none~1|'"
                )
            edges[part] = match[1]
    return edges


def _encode(labels: Sequence[Any]) -> tuple[list[Hashable], IntArray]:
    """Return the sorted alleles of a gene and each row's index."""
    alleles = sorted(set(labels))
    index = {allele: number for number, allele in enumerate(alleles)}
    return alleles, np.asarray([index[label] for label in labels], dtype=np.int64)


def _check_names(columns: Sequence[str], genes: Sequence[Sequence[Gene]]) -> None:
    """Refuse a column that is called as an edge of another one's cells."""
    sources: dict[str, str] = {}
    for column, members in zip(columns, genes, strict=True):
        for gene in members:
            if (other := sources.setdefault(gene.name, column)) != column:
                raise DataError(f"columns {other!r} and {column!r}: both have a gene {gene.name!r}")


def _check_unique(codes: Codes, genes: Sequence[Gene]) -> None:
    """Refuse a table that has a code twice: which values would be its own?"""
    for row, code in enumerate(map(tuple, codes.codes_NG.tolist())):
        if (last := codes.rows[code]) != row:
            pairs = zip(genes, code, strict=True)
            said = ", ".join(f"{gene.name}={gene.alleles[allele]}" for gene, allele in pairs)
            raise DataError(f"rows {row} and {last} have the same code: {said}")
