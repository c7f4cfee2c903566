"""What a picture of a pathway shows: active ROIs, and the connections between them.

Letters: N the ROIs that are drawn.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainray.atlas.interface import Atlas, Floats, Pathway
from brainray.errors import AtlasError

MOST_ROIS, MOST_CONNECTIONS = 120, 24
"""Of more of them a picture would show nothing but a cloud; the strongest are drawn."""
LETTERS = 110
"""Of a title, at most."""
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
        names: of the ROIs that are drawn, the strongest first.
        labels: what people call each of them.
        coordinates: MNI in mm, shape `(N, 3)`.
        strengths_N: of the ROIs, in (0, 1].
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
    drawn = sorted(strengths, key=lambda roi: (-strengths[roi], roi))[:MOST_ROIS]
    chosen_N = np.array([index[roi] for roi in drawn])
    strengths_N = np.array([strengths[roi] for roi in drawn])
    degrees = _degrees(atlas, chosen_N)
    homes = [
        _home(pathway, {home: degree_N[n] for home, degree_N in degrees.items()})
        for n in range(len(drawn))
    ]
    return Drawing(
        title=_title(name, functions),
        pathway=pathway,
        asked=frozenset(
            atlas.sub_regions[function] for function in functions if function in atlas.sub_regions
        ),
        names=tuple(drawn),
        labels=tuple(atlas.rois[number].label for number in chosen_N),
        coordinates=atlas.coordinates[chosen_N],
        strengths_N=strengths_N,
        homes=tuple(homes),
        edges_NN=_edges(atlas, pathway, chosen_N, strengths_N, homes),
    )


def _title(name: str, functions: Sequence[str]) -> str:
    parts = [name, ", ".join(dict.fromkeys(functions))]
    return textwrap.shorten(": ".join(filter(None, parts)), LETTERS, placeholder=" ...")


def region_of(sub_region: str) -> str:
    """Return the region that a sub-region is drawn as."""
    region = sub_region.partition(".")[0]
    return region if region in REGIONS else OTHER


def _degrees(atlas: Atlas, chosen_N: NDArray[np.intp]) -> dict[str, Floats]:
    """Return how strongly the chosen ROIs carry each sub-region: its strongest function counts."""
    relative_NF = atlas.relative[chosen_N]
    degrees: dict[str, Floats] = {}
    for column, function in enumerate(atlas.functions):
        sub_region = atlas.sub_regions[function]
        degrees[sub_region] = np.maximum(degrees.get(sub_region, 0.0), relative_NF[:, column])
    return degrees


def _home(pathway: Pathway, degrees: Mapping[str, float]) -> str:
    """Return the sub-region that an ROI carries most, one of the pathway's if it carries any."""
    carried = {name: degree for name, degree in degrees.items() if degree > 0}
    activated = {name: carried[name] for name in pathway.sub_regions if name in carried}
    among = activated or carried
    return max(sorted(among), key=lambda name: among[name], default="")


def _edges(
    atlas: Atlas,
    pathway: Pathway,
    chosen_N: NDArray[np.intp],
    strengths_N: Floats,
    homes: Sequence[str],
) -> Floats:
    """Return the strongest connections of the pathway, each between two ROIs that carry it.

    In each hemisphere it is drawn between the two whose relation times their strengths is
    largest; only where there are none, between two of both hemispheres.
    """
    matrix_NN = atlas.functional_RR[chosen_N][:, chosen_N].toarray()
    if not matrix_NN.any():
        matrix_NN = atlas.structural_RR[chosen_N][:, chosen_N].toarray()
    matrix_NN = matrix_NN * np.outer(strengths_N, strengths_N)
    x_N = atlas.coordinates[chosen_N, 0]
    sides = [np.outer(side_N, side_N) for side_N in (x_N <= 0, x_N >= 0)]
    home_N = np.array(homes)
    edges_NN = np.zeros_like(matrix_NN, dtype=np.float64)
    strongest = sorted(pathway.connections, key=lambda link: (-link[2], link[0], link[1]))
    for a, b, weight in strongest[:MOST_CONNECTIONS]:
        between_NN = np.where(np.outer(home_N == a, home_N == b), matrix_NN, 0.0)
        within = [side_NN for side_NN in sides if (between_NN * side_NN).max() > 0]
        for side_NN in within or [np.ones_like(between_NN)]:
            found_NN = between_NN * side_NN
            if found_NN.max() > 0:
                i, j = np.unravel_index(np.argmax(found_NN), found_NN.shape)
                edges_NN[i, j] = edges_NN[j, i] = weight
    return edges_NN
