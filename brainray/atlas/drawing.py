"""What a picture of a pathway shows: active ROIs, and the connections of the pathway.

Letters: N the ROIs that are drawn.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from brainray.atlas.interface import Atlas, Floats, Pathway
from brainray.atlas.mechanism_settings import MechanismSettings
from brainray.errors import AtlasError

MOST_ROIS, MOST_CONNECTIONS = 120, 24
"""Of more of them a picture would show nothing but a cloud; the strongest are drawn."""
LETTERS = 110
"""Of a title, at most."""
MEMBER = MechanismSettings.membership
"""The degree, relative to the function's peak, from which an ROI makes connections."""
FAINT = 0.05
"""What an inactive ROI counts where it makes a connection."""
REGIONS = ("vision", "audition", "language", "emotion")
OTHER = "other"
"""What all regions but `REGIONS` are drawn as."""


@dataclass(frozen=True)
class Drawing:
    """An activation as it is drawn.

    Attributes:
        title: above the picture.
        pathway: that is drawn.
        asked: the sub-regions of the functions that were asked for.
        names: of the ROIs that are drawn, the strongest first; last those that are not active, but
            make a connection.
        labels: what people call each of them.
        coordinates: MNI in mm, shape `(N, 3)`.
        strengths_N: of the ROIs, in [0, 1].
        homes: the sub-region that each ROI carries most, or nothing.
        edges_NN: symmetric; the connections of the pathway with their weights in (0, 1], each
            drawn between ROIs of its two sub-regions.
    """

    title: str
    pathway: Pathway
    asked: frozenset[str]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    coordinates: Floats
    strengths_N: Floats
    homes: tuple[str, ...]
    edges_NN: Floats


def drawing_of(
    atlas: Atlas,
    pathway: Pathway,
    strengths: Mapping[str, float],
    functions: Sequence[str] = (),
    name: str = "",
) -> Drawing:
    """Return how an activation is drawn.

    Args:
        atlas: that was activated.
        pathway: of the activation.
        strengths: of the active ROIs by name, above 0.
        functions: that were asked for; names or synonyms.
        name: of what was activated, e.g. of a scenario; the title names the functions too.

    Raises:
        AtlasError: an active ROI is not in the atlas, or none is active.
    """
    index = {name: number for number, name in enumerate(atlas.names)}
    if unknown := next((roi for roi in strengths if roi not in index), None):
        raise AtlasError(
            f"atlas {atlas.name}: has no ROI {unknown!r}, which is active; the activation is of "
            "another atlas"
        )
    if not strengths:
        raise AtlasError(f"atlas {atlas.name}: no ROI is active, there is nothing to draw")
    strength_R = np.array([strengths.get(roi, 0.0) for roi in atlas.names])
    degrees = _degrees(atlas)
    edges = _edges(atlas, pathway, strength_R, degrees)
    active = sorted(strengths, key=lambda roi: (-strengths[roi], roi))[:MOST_ROIS]
    chosen = [index[roi] for roi in active]
    chosen += sorted({end for pair in edges for end in pair} - set(chosen))
    place = {row: number for number, row in enumerate(chosen)}
    edges_NN = np.zeros((len(chosen), len(chosen)))
    for (i, j), weight in edges.items():
        edges_NN[place[i], place[j]] = edges_NN[place[j], place[i]] = weight
    return Drawing(
        title=_title(name, functions),
        pathway=pathway,
        asked=frozenset(
            atlas.sub_regions[function] for function in functions if function in atlas.sub_regions
        ),
        names=tuple(atlas.names[row] for row in chosen),
        labels=tuple(atlas.rois[row].label for row in chosen),
        coordinates=atlas.coordinates[chosen],
        strengths_N=strength_R[chosen],
        homes=tuple(
            _home(pathway, {home: float(degree_R[row]) for home, degree_R in degrees.items()})
            for row in chosen
        ),
        edges_NN=edges_NN,
    )


def _title(name: str, functions: Sequence[str]) -> str:
    parts = [name, ", ".join(dict.fromkeys(functions))]
    return textwrap.shorten(": ".join(filter(None, parts)), LETTERS, placeholder=" ...")


def region_of(sub_region: str) -> str:
    """Return the region that a sub-region is drawn as."""
    region = sub_region.partition(".")[0]
    return region if region in REGIONS else OTHER


def _degrees(atlas: Atlas) -> dict[str, Floats]:
    """Return how strongly ROIs carry each sub-region: its strongest function counts."""
    degrees: dict[str, Floats] = {}
    for column, function in enumerate(atlas.functions):
        sub_region = atlas.sub_regions[function]
        degrees[sub_region] = np.maximum(degrees.get(sub_region, 0.0), atlas.relative[:, column])
    return degrees


def _home(pathway: Pathway, degrees: Mapping[str, float]) -> str:
    """Return the sub-region that an ROI carries most, one of the pathway's if it carries any."""
    carried = {name: degree for name, degree in degrees.items() if degree > 0}
    activated = {name: carried[name] for name in pathway.sub_regions if name in carried}
    among = activated or carried
    return max(sorted(among), key=lambda name: among[name], default="")


def _edges(
    atlas: Atlas, pathway: Pathway, strength_R: Floats, degrees: Mapping[str, Floats]
) -> dict[tuple[int, int], float]:
    """Return the strongest connections of the pathway, each between ROIs that make it.

    In each hemisphere it is drawn between the two members whose relation times their strengths
    is largest, and between two of both hemispheres only where there are none. One may be
    inactive: what connects need not be excited itself.
    """
    relations_RR = atlas.functional_RR if atlas.functional_RR.nnz else atlas.structural_RR
    edges: dict[tuple[int, int], float] = {}
    strongest = sorted(pathway.connections, key=lambda link: (-link[2], link[0], link[1]))
    for a, b, weight in strongest[:MOST_CONNECTIONS]:
        if a not in degrees or b not in degrees:
            continue
        rows, columns = (np.flatnonzero(degrees[name] >= MEMBER) for name in (a, b))
        between = relations_RR[rows][:, columns].toarray()
        between = between * np.outer(strength_R[rows] + FAINT, strength_R[columns] + FAINT)
        x, y = atlas.coordinates[rows, 0], atlas.coordinates[columns, 0]
        found = [between * np.outer(side(x), side(y)) for side in (_left, _right)]
        for passing in [side for side in found if side.max(initial=0) > 0] or [between]:
            if passing.max(initial=0) > 0:
                i, j = np.unravel_index(np.argmax(passing), passing.shape)
                edges[int(rows[i]), int(columns[j])] = weight
    return edges


def _left(x: Floats) -> Floats:
    return np.asarray(x <= 0)


def _right(x: Floats) -> Floats:
    return np.asarray(x >= 0)
