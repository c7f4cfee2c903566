"""``brainray search bench`` on a small table."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from brainray.testing import epistatic_table

SMALL = ("--budget", "30", "--seeds", "6", "--workers", "1")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "made_up.parquet"
    pq.write_table(epistatic_table((3, 4, 2, 5)), path)
    return path


@pytest.fixture
def bench(brainray: Any, table: Path) -> Any:
    def call(*arguments: str | Path) -> Any:
        return brainray("search", "bench", "--table", table, *arguments)

    return call


def test_the_json_has_each_reported_column_in_the_units_of_the_table(bench, table):
    searched = ("--search-on", "validation", "--report", "test", "--report", "validation")
    done = bench(*searched, *SMALL, "--json", "-")
    assert done.code == 0
    document = json.loads(done.out)
    assert set(document) == {"test", "validation", "bench"}
    details = document["bench"]
    values = pq.read_table(table)
    for column in ("test", "validation"):
        found = document[column]
        assert set(found) == {"mean", "sd", "quantiles"}
        reached = details["values"][column]
        assert set(reached) <= set(values[column].to_pylist())
        assert found["mean"] == pytest.approx(np.mean(reached))
        assert details["against_random"][column]["mean_difference"] == pytest.approx(
            found["mean"] - details["random"][column]["mean"]
        )
        assert details["curves"][column]["mean"][-1] == pytest.approx(found["mean"])
    assert details["genes"] == {"gene_0": 3, "gene_1": 4, "gene_2": 2, "gene_3": 5}
    assert (details["budget"], details["evaluated"], details["seeds"]) == (30, 30, 6)
    assert (details["brood"], details["lag"], details["codes"]) == (1, 1, 120)


def test_a_loss_is_minimised(brainray, tmp_path):
    table, document = tmp_path / "losses.parquet", tmp_path / "bench.json"
    made_up = epistatic_table((3, 4, 2, 5))
    losses = [[math.exp(-value) for value in made_up["validation"].to_pylist()]]
    pq.write_table(made_up.append_column("loss", losses), table)
    searched = ("--search-on", "loss", "--report", "loss", "--report", "validation")
    many = ("--budget", "40", "--seeds", "20", "--workers", "1", "--json", document)
    curve = ("--curve", tmp_path / "curve.png")
    done = brainray(
        "search", "bench", "--table", table, *searched, "--minimise", "loss", *many, *curve
    )
    assert "Smaller values are better: loss." in done.out
    details = json.loads(document.read_text())["bench"]
    assert details["minimised"] == ["loss"]
    found = details["against_random"]
    assert found["loss"]["mean_difference"] < 0 < found["validation"]["mean_difference"]
    assert found["loss"]["wins"] == found["validation"]["wins"] > found["loss"]["losses"]
    assert found["loss"]["rank_biserial"] > 0
    means = details["curves"]["loss"]["mean"]
    assert means == sorted(means, reverse=True)


def test_the_same_command_says_the_same(bench):
    searched = ("--search-on", "validation", *SMALL, "--algorithm", "evolution", "--json", "-")
    first, again = (json.loads(bench(*searched).out) for _ in range(2))
    other = json.loads(bench(*searched, "--set", "selection=aging", "--brood", "5").out)
    assert first["bench"]["values"] == again["bench"]["values"]
    assert first["bench"]["values"] != other["bench"]["values"]
    assert other["bench"]["options"] == {"selection": "aging"}


def test_more_than_the_table_has_is_not_evaluated(bench):
    arguments = ("--search-on", "validation", "--budget", "500", "--seeds", "2", "--workers", "1")
    document = json.loads(bench(*arguments, "--json", "-").out)
    assert document["bench"]["evaluated"] == 120
    assert document["validation"]["sd"] == 0
    assert document["bench"]["against_random"]["validation"]["p"] == 1


def test_a_person_sees_a_table_and_a_curve(bench, tmp_path):
    picture, document = tmp_path / "curve.png", tmp_path / "bench.json"
    arguments = ("--search-on", "validation", "--report", "test", *SMALL)
    done = bench(*arguments, "--curve", picture, "--json", document)
    assert done.code == 0
    assert "evolution on made_up: 30 evaluations, 6 seeds" in done.out
    assert "Wilcoxon" in done.out
    assert json.loads(document.read_text())["test"]["mean"]
    with Image.open(picture) as image:
        assert image.width > 900  # an axis for each of the two columns


def test_one_of_a_kind_is_singular(brainray, tmp_path):
    table = tmp_path / "lone.parquet"
    pq.write_table(epistatic_table((3, 4)).slice(0, 1), table)
    done = brainray(
        "search", "bench", "--table", table, "--search-on", "test", "--seeds", "1", "--workers", "1"
    )
    assert "evolution on lone: 1 evaluation, 1 seed " in done.out
    assert ", 1 code, " in done.out


def test_the_diagnostics_of_a_searcher_are_shown(bench, tmp_path):
    document = tmp_path / "bench.json"
    small = ("--budget", "40", "--seeds", "2", "--workers", "1", "--algorithm", "nao")
    done = bench("--search-on", "validation", *small, "--json", document)
    assert done.code == 0
    diagnostics = json.loads(document.read_text())["bench"]["diagnostics"]
    assert set(diagnostics) == {"pairwise_accuracy", "hamming_distance"}
    assert 0.5 < diagnostics["pairwise_accuracy"]["mean"] <= 1
    assert f"Pairwise accuracy: {diagnostics['pairwise_accuracy']['mean']:.3g}" in done.out


def test_random_search_is_compared_with_itself(bench):
    arguments = ("--search-on", "validation", *SMALL, "--algorithm", "random")
    document = json.loads(bench(*arguments, "--json", "-").out)
    assert document["bench"]["against_random"]["validation"]["ties"] == 6
    assert document["bench"]["diagnostics"] == {}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--search-on", "valid"), "made_up.parquet: no column 'valid', there are gene_0"),
        (("--search-on", "test", "--genes", "g"), "made_up.parquet: no gene column 'g'"),
        (("--search-on", "test", "--algorithm", "luck"), "searchers: unknown name 'luck'"),
        (("--search-on", "test", "--report", "bench"), "--report 'bench': is a key of the JSON"),
        (("--search-on", "test", "--set", "population"), "--set 'population': must have the form"),
        (("--search-on", "test", "--set", "population=]"), "'population=]': the value is not YAML"),
        (("--search-on", "test", "--set", "luck=1"), "evolution: luck is no option, allowed are"),
        (
            ("--search-on", "test", "--curve", "/proc/x.txt"),
            "--curve /proc/x.txt: must be the name of a PNG",
        ),
    ],
)
def test_bad_input_is_one_line(bench, arguments, reason):
    done = bench(*arguments)
    assert done.code == 1
    assert reason in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_a_curve_that_cannot_be_written_loses_neither_table_nor_json(bench, tmp_path):
    document = tmp_path / "bench.json"
    curve = ("--curve", "/proc/no/x.png", "--json", document)
    done = bench("--search-on", "validation", *SMALL, *curve)
    assert done.code == 1
    assert "--curve /proc/no/x.png: cannot be written" in done.err
    assert "evolution on made_up" in done.out
    assert json.loads(document.read_text())["validation"]["mean"]


def test_a_picture_of_odd_names_and_of_one_evaluation(brainray, tmp_path):
    table, picture = tmp_path / "made $up$.parquet", tmp_path / "curve.PNG"
    columns = [*(f"gene_{gene}" for gene in range(4)), r"$\no_formula$", "constant"]
    made_up = epistatic_table((3, 4, 2, 5)).rename_columns(columns)
    made_up = made_up.set_column(5, "constant", [[0.5] * made_up.num_rows])
    pq.write_table(made_up, table)
    searched = ("--search-on", columns[4], "--report", columns[4], "--report", "constant")
    small = ("--budget", "1", "--seeds", "2", "--workers", "1", "--curve", picture)
    done = brainray("search", "bench", "--table", table, *searched, *small)
    assert done.code == 0
    assert picture.exists()
