"""How long an activation takes, from the catalog to the pathway, in an atlas that is made up.

Functions excite 2 % of the ROIs, 64 of them in 30 sub-regions; 20 functional relations an ROI.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from reporting import goal

from brainray.atlas.activation import Mechanism
from brainray.atlas.arrays import load_atlas
from brainray.atlas.interface import Atlas
from brainray.catalog import Library
from brainray.catalog.brain import Association, AtlasRows, Relation, Roi
from brainray.catalog.seeding import seed_functions
from brainray.seeding import numpy_generator
from brainray.settings import Settings

EDGES = 20
GOALS_MS = {300: 200.0, 10_000: 2000.0}
ASKED = {
    "image": ("visual_perception", "shape"),
    "audio": ("speech_perception", "listening"),
}


def measure(
    folder: Path, sizes: tuple[int, ...], rounds: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows and goals; goals are of wall-clock time.

    Args:
        folder: where the catalog is made.
        sizes: numbers of ROIs.
        rounds: how often each is measured.
    """
    library = Library.open(
        Settings(
            database_url=f"sqlite:///{folder / 'catalog.sqlite'}",
            store_url=str(folder / "store"),
            data=None,
            cache=folder / "cache",
            runs=folder / "runs",
        )
    )
    rows, goals = [], []
    for size in sizes:
        name = f"made-up-{size}"
        library.add_atlas(_made_up(name, size))
        atlas = load_atlas(library, name)
        load, load_cpu = _milliseconds(partial(load_atlas, library, name), rounds)
        activate, activate_cpu = _milliseconds(partial(_activate, atlas), rounds)
        rows.append(
            {
                "rois": size,
                "load_ms": load,
                "activate_ms": activate,
                "load_cpu_ms": load_cpu,
                "activate_cpu_ms": activate_cpu,
            }
        )
        if size in GOALS_MS:
            what = f"activation in an atlas of {size:,} ROIs with loading it, ms"
            goals.append(goal(what, load + activate, GOALS_MS[size], better="lower"))
    return rows, goals


def _activate(atlas: Atlas) -> object:
    return Mechanism(atlas).by_functions(ASKED)


def _milliseconds(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the medians of wall-clock and of processor time; they differ on a busy machine."""
    taken, busy = [], []
    for _ in range(rounds):
        begin, begin_busy = time.perf_counter(), time.process_time()
        call()
        taken.append(1000 * (time.perf_counter() - begin))
        busy.append(1000 * (time.process_time() - begin_busy))
    return round(median(taken), 1), round(median(busy), 1)


def _made_up(name: str, size: int) -> AtlasRows:
    random = numpy_generator(0, "made-up atlas", size)
    places = random.uniform((-70, -100, -60), (70, 70, 80), (size, 3))
    rois = tuple(
        Roi(f"roi_{i}", f"ROI {i}", "L" if x < 0 else "R", float(x), float(y), float(z))
        for i, (x, y, z) in enumerate(places)
    )
    associations = [
        Association(row["function"], rois[i].name, float(random.uniform(0.1, 1.0)))
        for row in seed_functions()
        for i in random.choice(size, size=max(size // 50, 3), replace=False)
    ]
    # Every ROI begins half of its edges, and ends as many on average.
    begin = np.repeat(np.arange(size), EDGES // 2)
    end = random.integers(size, size=len(begin))
    pairs = {(min(a, b), max(a, b)) for a, b in zip(begin, end, strict=True) if a != b}
    relations = [
        Relation("functional", rois[a].name, rois[b].name, float(random.uniform(0.1, 0.9)))
        for a, b in sorted(pairs)
    ]
    return AtlasRows(name, "made up", rois, tuple(associations), tuple(relations))
