from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from brainray.pipeline.pictures import curves as module
from brainray.pipeline.pictures.curves import draw_curves
from brainray.search.bench import Curves


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Draws the curves of two searchers, which are the same, and returns the figure."""
    figures: list[Figure] = []

    def keep(figure: Figure, path: Path) -> None:
        figures.append(figure)
        figure.savefig(path)

    def draw(found: Curves, minimised: tuple[str, ...] = ()) -> Figure:
        curves = {"random": found, "evolution": found}
        draw_curves(curves, "a $title", tmp_path / "curves.png", minimised)
        return figures[-1]

    monkeypatch.setattr(module, "save", keep)
    return draw


def test_a_line_at_the_maximum_is_seen_whole(drawn):
    (axes,) = drawn({"value": np.linspace(0.1, 0.9, 40)[None]}).axes
    low, high = axes.get_ylim()
    assert 0.9 < high < 0.95
    assert low < 0.2


def test_the_axis_of_a_minimised_column_leaves_out_the_first_large_values(drawn):
    falling_N = np.array([100.0, 50.0, *np.linspace(0.9, 0.1, 38)])
    (axes,) = drawn({"loss": falling_N[None]}, ("loss",)).axes
    low, high = axes.get_ylim()
    assert 0.05 < low < 0.1
    assert 0.8 < high < 1


@pytest.mark.parametrize("value", [0.0, 0.5, -3e9, 1e-9])
def test_a_constant_column_is_a_line_in_the_middle(drawn, value):
    (axes,) = drawn({"value": np.full((3, 20), value)}).axes
    low, high = axes.get_ylim()
    assert low < value < high
    assert (low + high) / 2 == pytest.approx(value)


def test_a_single_evaluation_is_a_point(drawn):
    one, many = (drawn({"value": np.ones((2, count))}).axes[0] for count in (1, 5))
    assert {line.get_marker() for line in one.lines} == {"o"}
    assert {line.get_marker() for line in many.lines} <= {"", "None"}


@pytest.mark.parametrize("name", ["$x$", "$\\none$", "cost in $ and $$"])
def test_a_name_is_no_formula(drawn, name):
    assert drawn({name: np.ones((2, 5))}).axes[0].get_title().startswith(name)
