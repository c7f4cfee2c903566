import itertools
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from brainray.errors import DataError
from brainray.search.bench import Protocol, search
from brainray.search.interface import Brood
from brainray.search.random_search import RandomSearch
from brainray.search.schedule import Schedule
from brainray.search.table import TableProblem, problem_of, read_table
from brainray.testing import epistatic_table

CELL = "|{}~0|+|{}~0|{}~1|"
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1")


def columns(**changes: Any) -> dict[str, Any]:
    """Four of the six codes of two genes, and two columns of numbers."""
    return {
        "gene_size": [10, 9, 10, 9],
        "gene_kind": ["b", "b", "a", "c"],
        "validation": [0.1, 0.4, 0.3, 0.2],
        "test": [4, 3, 2, 1],
    } | changes


def small(**changes: Any) -> TableProblem:
    return problem_of(pa.table(columns(**changes)), "gene_*", "validation", ["test"])


def cells() -> pa.Table:
    chosen = list(itertools.product(OPERATIONS, repeat=3))
    return pa.table(
        {"cell": [CELL.format(*one) for one in chosen], "value": np.arange(len(chosen)) / 10}
    )


def test_a_column_is_a_gene_with_its_values_in_order():
    genes = small().space.genes
    assert [(gene.name, gene.alleles, gene.group) for gene in genes] == [
        ("gene_size", ("9", "10"), "column gene_size"),
        ("gene_kind", ("a", "b", "c"), "column gene_kind"),
    ]


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [("evolution", {}), ("progressive", {}), ("reinforcement", {"controllers": "input"})],
)
def test_the_names_of_columns_change_nothing(algorithm, options):
    """These are what a fusion space is known by."""
    table = epistatic_table((2, 3, 3, 4))
    names = ["depth", "level1", "level2", "level1.level2.tap"]
    renamed = table.rename_columns([*names, "validation", "test"])
    curves = [
        search(problem_of(one, genes, "validation", []), Protocol(algorithm, 30, 1, 1, options), 0)
        for one, genes in ((table, "gene_*"), (renamed, "[dl]e*"))
    ]
    np.testing.assert_array_equal(*(found["validation"] for found in curves))


def test_the_values_are_those_of_the_table():
    problem = small()
    assert problem.evaluate(Brood(0, 0, ((1, 1), (0, 2)))) == [0.1, 0.2]
    assert problem.report((0, 1)) == {"validation": 0.4, "test": 3.0}


def test_a_categorical_column_is_like_a_plain_one():
    kinds = pa.array(["b", "b", "a", "c"]).dictionary_encode()
    assert small(gene_kind=kinds).space.genes == small().space.genes


def test_the_best_by_what_is_searched_on_is_the_solution():
    solution = small().finish([(1, 1), (0, 1), (1, 0)])
    assert (solution.genome, solution.value) == ((0, 1), 0.4)
    assert solution.details["columns"]["test"] == 3


def test_the_smallest_value_is_the_best_of_a_minimised_column():
    problem = problem_of(pa.table(columns()), "gene_*", "validation", ["test"], ["validation"])
    assert problem.evaluate(Brood(0, 0, ((1, 1), (0, 2)))) == [-0.1, -0.2]
    solution = problem.finish([(1, 1), (0, 1), (1, 0)])
    assert (solution.genome, solution.value) == ((1, 1), -0.1)
    assert solution.details["columns"] == {"validation": 0.1, "test": 4}


@pytest.mark.parametrize(
    ("missing", "nearest"), [((0, 0), {(0, 1), (1, 0), (0, 2)}), ((1, 2), {(1, 1), (1, 0), (0, 2)})]
)
def test_a_code_that_the_table_lacks_becomes_a_nearest_one(missing, nearest):
    assert small().space.repair(missing) in nearest


@given(
    rows=st.sets(st.tuples(*(st.integers(0, 3) for _ in range(4))), min_size=1, max_size=40),
    vector=st.tuples(*(st.integers(0, 3) for _ in range(4))),
)
def test_every_vector_decodes_to_a_code_of_the_table(rows, vector):
    codes = sorted(rows)
    table = {f"gene_{gene}": [code[gene] for code in codes] for gene in range(4)}
    problem = problem_of(pa.table(table | {"value": range(len(codes))}), "gene_*", "value", [])
    genes = problem.space.genes
    genome = tuple(min(a, len(gene.alleles) - 1) for a, gene in zip(vector, genes, strict=True))
    repaired = problem.space.repair(genome)
    problem.space.check(repaired)
    assert problem.space.repair(repaired) == repaired
    # What the genome stands for is looked up: encode and decode are each other's inverse.
    stands_for = tuple(int(gene.alleles[a]) for gene, a in zip(genes, repaired, strict=True))
    assert problem.evaluate(Brood(0, 0, (repaired,))) == [codes.index(stands_for)]

    def distance(one: tuple[int, ...]) -> int:
        return sum(a != b for a, b in zip(one, genome, strict=True))

    assert distance(repaired) == min(map(distance, problem.codes.rows))


def neighbours(genes: int, alleles: int) -> pa.Table:
    """A code and all that differ from it in one gene: few of very many codes."""
    codes = [(0,) * genes]
    codes += [
        tuple(allele if gene == changed else 0 for gene in range(genes))
        for changed in range(genes)
        for allele in range(1, alleles)
    ]
    names = {f"gene_{gene:02}": [code[gene] for code in codes] for gene in range(genes)}
    return pa.table(names | {"value": [float(sum(code)) for code in codes]})


@pytest.mark.timeout(120)
def test_a_search_sees_all_of_a_table_that_lacks_most_codes(run):
    problem = problem_of(neighbours(genes=12, alleles=10), "gene_*", "value", [])
    searcher = RandomSearch(problem.space, 0)
    schedule = Schedule(problem.space, searcher, seed=0, budget=150, brood_size=10, lag=1)
    history = run(schedule, problem)
    assert sorted(genome for genome, _ in history) == sorted(problem.codes.rows)


def incomplete(generator: np.random.Generator) -> pa.Table:
    """A third of the codes of five genes; the best ones come first."""
    codes = np.array(list(itertools.product(range(4), repeat=5)))
    codes = generator.permutation(codes)[: len(codes) // 3]
    codes = codes[np.argsort(-codes.sum(axis=1), kind="stable")]
    genes = {f"gene_{gene}": codes[:, gene] for gene in range(5)}
    return pa.table(genes | {"value": codes.sum(axis=1) + generator.normal(size=len(codes))})


@pytest.mark.parametrize("algorithm", ["random", "evolution", "progressive"])
def test_the_order_of_the_rows_changes_nothing(algorithm):
    generator = np.random.default_rng(0)
    table = incomplete(generator)
    curves = [
        search(problem_of(one, "gene_*", "value", []), Protocol(algorithm, 40), 0)["value"]
        for one in (table, table.take(generator.permutation(table.num_rows)))
    ]
    np.testing.assert_array_equal(*curves)


def test_random_search_draws_the_rows_uniformly():
    table = neighbours(genes=6, alleles=4)  # most illegal codes have several neighbours
    problem = problem_of(table, "gene_*", "value", [])
    drawn = Counter(itertools.islice(RandomSearch(problem.space, 0).ask(0), 200 * table.num_rows))
    assert drawn.keys() == problem.codes.rows.keys()
    assert stats.chisquare(list(drawn.values())).pvalue > 0.001


def test_none_of_equally_near_codes_is_preferred():
    problem = problem_of(incomplete(np.random.default_rng(0)), "gene_*", "value", [])
    ranks = []
    for code in itertools.product(range(4), repeat=5):
        apart = {row: sum(map(int.__ne__, row, code)) for row in problem.codes.rows}
        nearest = sorted(row for row in apart if apart[row] == min(apart.values()))
        if len(nearest) > 1:
            ranks.append(nearest.index(problem.space.repair(code)) / (len(nearest) - 1))
    assert len(ranks) > 300
    assert np.mean(ranks) == pytest.approx(0.5, abs=4 * np.std(ranks) / len(ranks) ** 0.5)


def test_a_cell_becomes_a_gene_an_edge():
    problem = problem_of(cells(), "cell", "value", [])
    assert [gene.name for gene in problem.space.genes] == ["cell.0-1", "cell.0-2", "cell.1-2"]
    assert {gene.alleles for gene in problem.space.genes} == {tuple(sorted(OPERATIONS))}
    rows = cells().to_pydict()
    for genome, row in problem.codes.rows.items():
        named = [g.alleles[a] for g, a in zip(problem.space.genes, genome, strict=True)]
        assert rows["cell"][row] == CELL.format(*named)


def test_a_table_in_a_worker_is_the_same():
    problem = small()
    copy = pickle.loads(pickle.dumps(problem))
    assert copy.space.repair((0, 0)) == problem.space.repair((0, 0))
    assert copy.evaluate(Brood(0, 0, ((1, 1),))) == [0.1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gene_size": [1.5, 2.0, 3.0, 4.0]}, "'gene_size': holds double, allowed are integers"),
        ({"gene_kind": ["a", None, "b", "c"]}, "column 'gene_kind', row 1: is missing"),
        ({"gene_size": [9, 9, 9, 9]}, "rows 0 and 1 have the same code: gene_size=9, gene_kind=b"),
        ({"validation": ["a", "b", "c", "d"]}, "'validation': holds string, allowed are numbers"),
        ({"validation": [0.1, None, 0.2, 0.3]}, "column 'validation', row 1: is missing"),
        ({"test": [1.0, 2.0, float("nan"), 3.0]}, "column 'test', row 2: is nan, allowed are fin"),
        ({"gene_kind": ["|a~0|", "|b~0|", "|a~0|+", "|c~0|"]}, "'gene_kind', row 2: '|a~0|+' is n"),
        ({"gene_kind": ["|a~0|", "b", "|c~0|", "d"]}, "'gene_kind', row 1: 'b' is no cell"),
        ({"gene_kind": ["|a~0|", "|b~1|", "|c~0|", "d"]}, "row 1: '|b~1|' is no cell"),
        ({"gene_kind": ["|a~0|a~0|", "|b~0|", "|c~0|", "d"]}, "row 0: '|a~0|a~0|' is no cell"),
        (
            {"gene_kind": ["|a~0|", "|a~0|+|b~0|", "|c~0|", "|d~0|"]},
            "row 1: cell '|a~0|+|b~0|' has other edges than '|a~0|'",
        ),
    ],
)
def test_a_bad_column_is_refused_by_name_and_row(changes, reason):
    with pytest.raises(DataError) as refused:
        small(**changes)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("chrom_*", "validation", []), "no gene column 'chrom_*', there are gene_size, gene_kind"),
        (("gene_*", "accuracy", []), "no column 'accuracy', there are gene_size"),
        (("gene_*", "validation", ["tset"]), "no column 'tset', there are gene_size"),
        (("*", "validation", []), "column 'validation': is both a gene (*) and a value"),
        (("gene_*", "validation", [], ["test"]), "column 'test': to be minimised, but it is neith"),
    ],
)
def test_a_name_that_is_not_there_is_refused(arguments, reason):
    with pytest.raises(DataError) as refused:
        problem_of(pa.table(columns()), *arguments)
    assert reason in str(refused.value)


def test_an_empty_table_and_two_columns_of_one_name_are_refused():
    table = pa.table(columns())
    with pytest.raises(DataError, match="has no rows"):
        problem_of(table.slice(0, 0), "gene_*", "validation", [])
    with pytest.raises(DataError, match="has two columns named 'test'"):
        problem_of(table.rename_columns(["gene_1", "gene_2", "test", "test"]), "gene_*", "test", [])


def test_two_genes_of_one_name_are_refused():
    table = cells().append_column("cell.0-1", [list(range(27))])
    with pytest.raises(DataError, match=r"columns 'cell' and 'cell\.0-1': both have a gene 'cell"):
        problem_of(table, "cell*", "value", [])


def test_a_file_is_read_and_its_errors_name_it(tmp_path: Path):
    path = tmp_path / "table.parquet"
    pq.write_table(epistatic_table((3, 2)), path)
    problem = read_table(path, "gene_*", "validation", ["test"])
    assert [len(gene.alleles) for gene in problem.space.genes] == [3, 2]
    with pytest.raises(DataError, match=r"table\.parquet: no column 'tset'"):
        read_table(path, "gene_*", "tset", [])
    with pytest.raises(DataError, match=r"none\.parquet: there is no such file"):
        read_table(tmp_path / "none.parquet", "gene_*", "validation", [])
    path.write_text("gene_0,validation\n")
    with pytest.raises(DataError, match=r"table\.parquet: cannot be read as Parquet"):
        read_table(path, "gene_*", "validation", [])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_table(tmp_path, "gene_*", "validation", [])
