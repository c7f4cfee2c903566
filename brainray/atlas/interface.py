"""What the rooms of the atlas speak of: an atlas in arrays, an activation, a pathway.

Letters: R ROIs, F functions, K sub-regions, E relations. Matrices between ROIs are sparse and
symmetric unless their name says ``directed``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from brainray.catalog.brain import Roi

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Atlas:
    """An atlas in arrays; immutable, and checked by `brainray.catalog.brain_checks`.

    Attributes:
        name: e.g. ``brainray``.
        rois: the ROIs, in the order of the rows of all arrays.
        functions: the functions that excite some of them, sorted: the columns of ``degree_RF``.
        sub_regions: the sub-region of each function of the catalog's dictionary, also of those
            that this atlas says nothing of, by name and synonym.
        synonyms: the function that each synonym means.
        degree_RF: how strongly each function excites each ROI, raw, at least 0.
        functional_RR: correlated activity, as the source has it, without diagonal.
        structural_RR: fibres, at least 0, without diagonal, made symmetric by the larger value.
        structural_directed_RR: from row to column, as the source has it.
        tract_mm_RR: lengths of tracts in mm where they are known.
    """

    name: str
    rois: tuple[Roi, ...]
    functions: tuple[str, ...]
    sub_regions: Mapping[str, str]
    synonyms: Mapping[str, str]
    degree_RF: Floats
    functional_RR: csr_array
    structural_RR: csr_array
    structural_directed_RR: csr_array
    tract_mm_RR: csr_array

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the ROIs."""
        return tuple(roi.name for roi in self.rois)

    @cached_property
    def coordinates(self) -> Floats:
        """The MNI coordinates in mm, shape `(R, 3)`."""
        return np.array([(roi.x, roi.y, roi.z) for roi in self.rois], dtype=np.float64).reshape(
            -1, 3
        )

    @cached_property
    def relative(self) -> Floats:
        """``degree_RF`` relative to each function's own peak, in [0, 1], shape `(R, F)`."""
        peak_F = self.degree_RF.max(axis=0, initial=0.0)
        return self.degree_RF / np.where(peak_F > 0, peak_F, 1.0)


@dataclass(frozen=True)
class Pathway:
    """The activated sub-regions, and the connections between them.

    Attributes:
        sub_regions: name to weight in (0, 1]; the strongest first and 1, equal ones by name.
        connections: ``(a, b, weight)`` once a pair that is connected, ``a`` before ``b`` in
            ``sub_regions``; the weight in (0, 1], the strongest is 1.
        integration: how much of the connection of all others goes through each sub-region, in
            [0, 1]; those with the most fuse what others bring, and do so late (paper 1.2).
    """

    sub_regions: dict[str, float]
    connections: tuple[tuple[str, str, float], ...]
    integration: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the pathway as dictionaries and lists, as a run's report holds it."""
        return {
            "sub_regions": dict(self.sub_regions),
            "connections": [list(connection) for connection in self.connections],
            "integration": dict(self.integration),
        }

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Pathway":
        """Return what `to_json` gave; older documents know nothing of integration."""
        return Pathway(
            dict(document["sub_regions"]),
            tuple((a, b, weight) for a, b, weight in document["connections"]),
            dict(document.get("integration", {})),
        )


@dataclass(frozen=True)
class Activation:
    """What a scenario excites.

    Attributes:
        pathway: the sub-regions and their connections.
        inputs: the sub-regions of the pathway that each input reaches, the strongest first; its
            candidates live in these. In observed mode every input reaches all of them.
        rois: name to strength of the active ROIs after spreading and inhibition, strongest
            first, scaled so that it is 1.
    """

    pathway: Pathway
    inputs: dict[str, tuple[str, ...]]
    rois: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return it as dictionaries and lists."""
        return {
            **self.pathway.to_json(),
            "inputs": {name: list(found) for name, found in self.inputs.items()},
            "rois": dict(self.rois),
        }

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Activation":
        """Return what `to_json` gave; older documents know nothing of inputs and ROIs."""
        inputs = {name: tuple(found) for name, found in document.get("inputs", {}).items()}
        return Activation(Pathway.from_json(document), inputs, dict(document.get("rois", {})))
