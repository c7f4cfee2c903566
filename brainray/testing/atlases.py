"""A tiny atlas with something of everything: every hemisphere, structure and kind of relation."""

from dataclasses import replace
from typing import Any

from brainray.catalog.brain import Association, AtlasRows, Relation, Roi


def tiny_atlas(**changes: Any) -> AtlasRows:
    """Return an atlas of six ROIs in the order of a catalog, changed as asked."""
    atlas = AtlasRows(
        name="tiny",
        description="Six places.",
        rois=(
            Roi("V5_L", "left V5", "L", -44.0, -67.0, 3.0, "cortex", "occipital lobe", "Vis", "a"),
            Roi("V5_R", "right V5", "R", 44.5, -67.0, 3.0, "cortex", "occipital lobe", "Vis", "a"),
            Roi("A1_L", "left A1", "L", -46.0, -27.0, 12.0, "cortex", "temporal lobe", "", "b"),
            Roi("Amy_R", "right amygdala", "R", 22.0, -5.0, -18.0, "subcortex"),
            Roi("Vermis", "vermis", "M", 1.0, -62.0, -18.0, "cerebellum"),
            Roi("PAG", "periaqueductal gray", "M", 0.0, -29.0, -12.0, "brainstem"),
        ),
        associations=(
            Association("visual_motion", "V5_L", 7.5, "c"),
            Association("visual_motion", "V5_R", 5.0),
            Association("basic_hearing", "A1_L", 0.1),
            Association("speech_perception", "A1_L", 2.0),
            Association("fear", "Amy_R", 3.0),
            Association("fear", "PAG", 0.0),
        ),
        relations=(
            Relation("structural", "V5_L", "V5_R", 3.5, False, 120.25, "d"),
            Relation("structural", "V5_R", "Amy_R", 1.0, True),
            Relation("structural", "Amy_R", "V5_R", 2.0, True, 80.0),
            Relation("functional", "V5_L", "V5_R", 0.7),
            Relation("functional", "A1_L", "V5_L", -0.3),
            Relation("anatomical", "V5_L", "V5_R", 0.0, False, 125.0),
            Relation("anatomical", "Amy_R", "PAG", 1.0, False, 40.0),
        ),
    )
    return replace(atlas, **changes)
