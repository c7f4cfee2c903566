import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brainray import plugins
from brainray.errors import PluginError
from brainray.scenario import load_scenario
from brainray.search.schedule import Schedule
from brainray.testing import integer_space

GROUPS = [
    "searchers",
    "trackers",
    "strategies",
    "networks",
    "preparations",
    "datasets",
    "scenarios",
    "problems",
]
DESCENDING = """
class Descending:
    def __init__(self, space, seed):
        self.genes = space.genes

    def ask(self, brood_index):
        first = self.genes[0]
        for allele in reversed(range(len(first.alleles))):
            yield (allele, *(0 for _ in self.genes[1:]))

    def tell(self, genomes, values):
        pass
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Puts a package with one module and one entry point on the path, as pip would."""

    def do(package: str, entry_point: str, code: str) -> None:
        folder = tmp_path / package
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{package}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_point)
        monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
        importlib.invalidate_caches()

    return do


@pytest.mark.parametrize("group", GROUPS)
def test_every_built_in_below_ray_can_be_loaded(group: str):
    names = plugins.names(group)
    assert names == sorted(set(names))
    assert names
    for name in names:
        assert plugins.load(group, name) is not None


def test_an_unknown_name_lists_the_allowed():
    allowed = ", ".join(plugins.names("searchers"))
    message = f"^searchers: unknown name 'evolutoin', allowed are {allowed}$"
    assert {"evolution", "nao", "progressive", "random", "reinforcement"} <= set(
        allowed.split(", ")
    )
    with pytest.raises(PluginError, match=message):
        plugins.load("searchers", "evolutoin")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such.package:X", "ModuleNotFoundError: No module named 'no_such'"),
        ("broken:X", "AttributeError: module 'broken' has no attribute 'X'"),
        ("raising:X", "ZeroDivisionError: division by zero"),
        ("garbled:X", "SyntaxError: "),
    ],
)
def test_what_cannot_be_imported_is_named(
    value: str, reason: str, install: Callable[[str, str, str], None]
):
    modules = {"broken": "", "raising": "1 / 0", "garbled": "def"}
    for module, code in modules.items():
        install(module, f"[brainray.searchers]\nbad = {value}\n", code)
    message = f"^searchers: 'bad' \\({value}\\) cannot be imported: {reason}.*$"
    with pytest.raises(PluginError, match=message) as refused:
        plugins.load("searchers", "bad")
    assert "\n" not in str(refused.value)


def test_a_group_that_nobody_fills_is_empty():
    assert plugins.names("nothing") == []


def test_a_users_package_adds_a_searcher(install: Callable[[str, str, str], None], tmp_path: Path):
    install(
        "users_search", "[brainray.searchers]\ndescending = users_search:Descending\n", DESCENDING
    )
    assert "descending" in plugins.names("searchers")

    space = integer_space(genes=3, alleles=4)
    searcher = plugins.load("searchers", "descending")(space, 0)
    schedule = Schedule(space, searcher, seed=0, budget=4, brood_size=4, lag=1)
    brood = schedule.next()
    assert brood is not None
    assert brood.genomes == ((3, 0, 0), (2, 0, 0), (1, 0, 0), (0, 0, 0))

    scenario = load_scenario("audio_visual_digits", ["search.algorithm=descending"])
    assert scenario.search.algorithm == "descending"


def test_two_packages_cannot_offer_the_same_name(install: Callable[[str, str, str], None]):
    install("users_random", "[brainray.searchers]\nrandom = users_random:Descending\n", DESCENDING)
    with pytest.raises(PluginError, match=r"searchers: 'random' is offered twice: .*users_random:"):
        plugins.load("searchers", "random")


def test_a_package_that_is_found_twice_counts_once(install: Callable[[str, str, str], None]):
    """As with an editable install beside a wheel of the same package."""
    entry_point = "[brainray.searchers]\nrandom = brainray.search.random_search:RandomSearch\n"
    install("brainray_again", entry_point, "")
    assert plugins.load("searchers", "random").__name__ == "RandomSearch"
    assert plugins.names("searchers").count("random") == 1
