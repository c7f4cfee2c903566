"""Write brainray/atlas/data/functional.csv from the circuits of circuits.csv beside it.

A circuit is a set of ROIs whose activity is correlated in the publication that it cites, with the
typical correlation. Four rules, published themselves, make pairs of them:

1. homologous ROIs of both hemispheres correlate most, sensorimotor ones above all (Stark 2008);
2. ROIs of a circuit correlate with its weight in one hemisphere, and by `ACROSS` less across
   hemispheres (Salvador 2005);
3. the cerebellum correlates with the opposite hemisphere of the cerebrum (Buckner 2011);
4. cortical ROIs of one network and hemisphere correlate by `SAME_NETWORK` (Yeo 2011).

Where several say something of a pair the largest counts, and a negative weight only where no
other is.

A test proves that the file in the repository is what this script makes::

    python scripts/make_functional_relations.py
"""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

from brainray.files import write_atomically

DATA = Path(__file__).parents[1] / "brainray" / "atlas" / "data"

ACROSS = 0.1
HOMOTOPIC = {"SomMot": 0.8, "Vis": 0.75, "Limbic": 0.55}
"""Correlation of homologous ROIs by network; `HOMOTOPIC_ELSEWHERE` in the others."""
HOMOTOPIC_ELSEWHERE = 0.65
SAME_NETWORK = 0.2

Found: TypeAlias = dict[tuple[str, str], tuple[float, str]]


def main() -> None:
    """Write the file."""
    write_atomically(DATA / "functional.csv", text_of(relations()).encode())


def relations() -> Found:
    """Return weight and source of each pair of ROIs, in the order of the ROIs."""
    rois = _rows("rois.csv")
    networks = {row["name"]: row["network"] for row in rois}
    place = {name: index for index, name in enumerate(networks)}
    found: Found = {}
    for one, other in combinations([row for row in rois if row["structure"] == "cortex"], 2):
        sides = {one["hemisphere"], other["hemisphere"]}
        if one["network"] == other["network"] and sides != {"L", "R"}:
            source = f"Yeo 2011 J Neurophysiol (both in {one['network']})"
            found[one["name"], other["name"]] = (SAME_NETWORK, source)
    for name, network in networks.items():
        homologue = f"{name.removesuffix('_L')}_R"
        if name.endswith("_L") and homologue in networks:
            weight = HOMOTOPIC.get(network, HOMOTOPIC_ELSEWHERE)
            found[name, homologue] = (weight, "Stark 2008 J Neurosci")
    for circuit in _rows("circuits.csv"):
        for a, b, weight in _pairs(circuit, list(networks)):
            pair = (a, b) if place[a] < place[b] else (b, a)
            if pair not in found or weight > max(found[pair][0], 0):
                found[pair] = (weight, circuit["source"])
    return {pair: found[pair] for pair in sorted(found, key=lambda ab: [place[x] for x in ab])}


def text_of(found: Found) -> str:
    """Return the rows of the file as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("a", "b", "weight", "directed", "length_mm", "source"))
    writer.writerows((a, b, weight, 0, "", source) for (a, b), (weight, source) in found.items())
    return file.getvalue()


def _pairs(circuit: dict[str, str], names: Sequence[str]) -> Iterator[tuple[str, str, float]]:
    """Yield the pairs of a circuit with their weights.

    Its columns: ``form`` is ``all`` for all pairs of members or ``star`` for those of the first
    member; ``sides`` is ``both`` with pairs across hemispheres, ``same`` without them,
    ``crossed`` for those alone, or the one hemisphere ``L`` or ``R``; ``members`` are names
    without hemisphere.
    """
    first, *others = members = circuit["members"].split()
    pairs = [(first, b) for b in others] if circuit["form"] == "star" else combinations(members, 2)
    sides = circuit["sides"]
    weight = float(circuit["weight"])
    for base, other in pairs:
        for a in _rois(base, sides, names):
            for b in _rois(other, sides, names):
                across = {a[-2:], b[-2:]} == {"_L", "_R"}
                if across and sides == "both":
                    yield a, b, round(weight - ACROSS, 2) if weight > 0 else weight
                elif across == (sides == "crossed"):
                    yield a, b, weight


def _rois(base: str, sides: str, names: Sequence[str]) -> list[str]:
    """Return the ROIs of a name without hemisphere; one on the midline has no other name."""
    wanted = {base, *(f"{base}_{side}" for side in (sides if sides in "LR" else "LR"))}
    return [name for name in names if name in wanted]


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
