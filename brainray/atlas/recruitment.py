"""Which further sub-regions join a pathway because they connect its inputs.

Some regions of the brain fuse what others bring (paper 1.2). What two inputs excite is often not
connected by itself, sight and sound least of all: then the sub-regions on the strongest way between
them are recruited.
"""

import heapq
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

from brainray.atlas.regions import Connections

Graph = Mapping[str, Mapping[str, float]]


def recruit(
    inputs: Sequence[Collection[str]], kept: Connections, possible: Connections
) -> Connections:
    """Return the connections that join what the inputs reach, as far as anything does.

    The strongest way, which has the largest product of weights, is taken first, and then the
    strongest one between what is still apart; equal ones by name.

    Args:
        inputs: the active sub-regions that each input reaches.
        kept: the connections between active sub-regions.
        possible: those between all sub-regions that may be recruited, weights in (0, 1].

    Returns:
        connections of ``possible`` that ``kept`` lacks.
    """
    graph: dict[str, dict[str, float]] = {}
    for a, b, weight in possible:
        graph.setdefault(a, {})[b] = weight
        graph.setdefault(b, {})[a] = weight
    parts = [set(reached) for reached in inputs if reached]
    for a, b, _ in kept:
        _join(parts, {a, b})
    # What no input reaches leads from one to another as well as anything, but joins nothing.
    parts = _merged([part for part in parts if any(part & set(reached) for reached in inputs)])
    added: dict[tuple[str, str], float] = {}
    while len(parts) > 1:
        ways = (_strongest_way(graph, part, set().union(*parts) - part) for part in parts)
        best = min((way for way in ways if way is not None), default=None)
        if best is None:
            break
        _, way = best
        for a, b in pairwise(way):
            added[min(a, b), max(a, b)] = graph[a][b]
        _join(parts, set(way))
    there = {frozenset((a, b)) for a, b, _ in kept}
    return tuple((a, b, w) for (a, b), w in sorted(added.items()) if {a, b} not in there)


def _join(parts: list[set[str]], members: set[str]) -> None:
    """Make one part of some members and of all parts that hold one of them, in place."""
    touched = [part for part in parts if part & members]
    parts[:] = [part for part in parts if part not in touched] + [members.union(*touched)]


def _merged(parts: Iterable[set[str]]) -> list[set[str]]:
    found: list[set[str]] = []
    for part in parts:
        _join(found, part)
    return found


def _strongest_way(
    graph: Graph, start: Collection[str], ends: Collection[str]
) -> tuple[float, tuple[str, ...]] | None:
    """Return the cost and the nodes of the strongest way, None if there is none (Dijkstra)."""
    waiting: list[tuple[float, tuple[str, ...]]] = [(0.0, (name,)) for name in sorted(start)]
    done: set[str] = set()
    while waiting:
        cost, way = heapq.heappop(waiting)
        if way[-1] in ends:
            return cost, way
        if way[-1] in done:
            continue
        done.add(way[-1])
        for name, weight in graph.get(way[-1], {}).items():
            if name not in done:
                heapq.heappush(waiting, (cost - math.log(weight), (*way, name)))
    return None
