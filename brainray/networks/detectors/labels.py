"""From the labels of a network to the classes of a detector, those that are looked for alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from brainray.errors import NetworkError
from brainray.networks.detectors.interface import Floats, Found
from brainray.shapes import IntArray


def indices_of(names: Sequence[str] | None, classes: Sequence[str]) -> IntArray:
    """Return the rising indices of the classes that are looked for.

    Args:
        names: of them; None or none for all.
        classes: all that the detector knows.

    Raises:
        NetworkError: it does not know a name.
    """
    for name in names or ():
        if name not in classes:
            raise NetworkError(f"classes: unknown name {name!r}, allowed: {', '.join(classes)}")
    wanted = {list(classes).index(name) for name in names or classes}
    return np.array(sorted(wanted), dtype=np.int64)


@dataclass(frozen=True)
class Labels:
    """What the labels of a network mean; some, such as the background, mean no class.

    Attributes:
        names: by label.
        wanted_C: indices into the classes.
    """

    names: Mapping[int, str]
    wanted_C: IntArray

    @classmethod
    def of(cls, names: Mapping[int, str], classes: Sequence[str] | None) -> "Labels":
        """Look for some classes, all if there is none.

        Raises:
            NetworkError: no label has this name.
        """
        return cls(names, indices_of(classes, tuple(names.values())))

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes, in the order of the labels."""
        return tuple(self.names.values())

    def keep(
        self, boxes_K4: Floats, scores_K: Floats, labels_K: IntArray, min_score: float, most: int
    ) -> Found:
        """Return what is looked for, surest first.

        Args:
            boxes_K4: left, top, right, bottom.
            scores_K: confidences.
            labels_K: of the network.
            min_score: of what is kept.
            most: that are kept.
        """
        index = {label: number for number, label in enumerate(self.names)}
        classes_K = np.array([index.get(label, -1) for label in labels_K.tolist()], dtype=np.int64)
        wanted_K = np.isin(classes_K, self.wanted_C) & (scores_K >= min_score)
        (kept_M,) = np.nonzero(wanted_K)
        kept_M = kept_M[np.argsort(-scores_K[kept_M], kind="stable")][:most]
        return Found(boxes_K4[kept_M], scores_K[kept_M], classes_K[kept_M])
