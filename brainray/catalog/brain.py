"""What a brain atlas says, as plain values: ROIs, what they do, and how they are related.

An *atlas* is one such table. Its functions are those of the catalog's dictionary, which knows the
sub-region of each, so that every atlas speaks of the same regions.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Hemisphere: TypeAlias = Literal["L", "R", "M"]
Structure: TypeAlias = Literal["cortex", "subcortex", "cerebellum", "brainstem"]
RelationKind: TypeAlias = Literal["structural", "functional", "anatomical"]

HEMISPHERES: tuple[Hemisphere, ...] = ("L", "R", "M")
STRUCTURES: tuple[Structure, ...] = ("cortex", "subcortex", "cerebellum", "brainstem")
RELATION_KINDS: tuple[RelationKind, ...] = ("structural", "functional", "anatomical")


@dataclass(frozen=True)
class Roi:
    """A region of interest.

    Attributes:
        name: unique in its atlas, e.g. ``hMT_L``.
        label: what people call it, e.g. ``middle temporal visual area``.
        hemisphere: ``L``, ``R``, or ``M`` for one on the midline.
        x: MNI coordinate in mm, left is negative.
        y: MNI coordinate in mm, posterior is negative.
        z: MNI coordinate in mm, inferior is negative.
        structure: what it is a part of.
        parent: the next larger anatomical unit, e.g. ``occipital lobe``; the hierarchy.
        network: the large-scale functional network that it belongs to, if any.
        source: the publication or file that says so.
    """

    name: str
    label: str
    hemisphere: Hemisphere
    x: float
    y: float
    z: float
    structure: Structure = "cortex"
    parent: str = ""
    network: str = ""
    source: str = ""


@dataclass(frozen=True)
class Association:
    """How strongly a function excites an ROI.

    Attributes:
        function: a name of the catalog's dictionary, no synonym.
        roi: a name of the atlas.
        degree: at least 0, in the unit of its source; what is relative to the function's own
            peak is computed from it.
        source: the publication or file that says so.
    """

    function: str
    roi: str
    degree: float
    source: str = ""


@dataclass(frozen=True)
class Relation:
    """How two ROIs are related.

    Attributes:
        kind: ``structural`` (fibres), ``functional`` (correlated activity) or ``anatomical``
            (what is known of their place beside the coordinates; ``length_mm`` alone may count).
        a: an ROI; where it is ``directed`` the one from which signals go.
        b: another ROI.
        weight: at least 0, in the unit of its source; functional ones are correlations, and a
            negative correlation may stand here, as it is.
        directed: whether it says nothing of the way from ``b`` to ``a``.
        length_mm: of the tract, in mm, if it is known.
        source: the publication or file that says so.
    """

    kind: RelationKind
    a: str
    b: str
    weight: float
    directed: bool = False
    length_mm: float | None = None
    source: str = ""


@dataclass(frozen=True)
class AtlasRows:
    """A whole atlas as rows.

    Attributes:
        name: of the atlas, e.g. ``brainray``.
        description: what it is and where it comes from; licence and citation.
        rois: in the order of the atlas.
        associations: of functions with ROIs.
        relations: of ROIs; no pair twice in one kind.
    """

    name: str
    description: str
    rois: tuple[Roi, ...]
    associations: tuple[Association, ...]
    relations: tuple[Relation, ...]
