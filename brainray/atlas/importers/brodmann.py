"""Functions of Brodmann areas: a table of areas with MNI centroids by function.

The file ``function_area_mni.csv``: function_index, category, function, brodmann_area, hemisphere,
x, y, z in mm. It is a compilation whose primary source is not named, no measurement.
"""

from pathlib import Path
from typing import cast

from brainray.atlas.importers.files import file_at, number, read_table
from brainray.catalog.brain import Association, AtlasRows, Hemisphere, Roi

FUNCTIONS = {
    "Attention, Visual": "visual_attention",
    "Attention, Visuospatial": "spatial_attention",
    "Auditory, Basic processing": "basic_hearing",
    "Auditory, Complex sounds processing": "complex_sounds",
    "Auditory, Familiar voices": "familiar_voices",
    "Emotion, Emotional stimuli": "emotion",
    "Emotion, Experiencing-processing emotion": "emotion",
    "Emotion, Fear response": "fear",
    "Executive, Behavioral inhibition": "response_inhibition",
    "Executive, Motor inhibition": "response_inhibition",
    "Executive, Planning": "planning",
    "Language, Comprehension": "language_comprehension",
    "Language, Expression": "speech_production",
    "Language, Prosody comprehension": "prosody",
    "Language, Reading": "reading",
    "Language, Writing": "writing",
    "Memory, Episodic memory": "episodic_memory",
    "Memory, Working Memory": "working_memory",
    "Motor, Primary motor": "primary_motor",
    "Motor, Saccadic movements": "gaze",
    "Motor, Secondary motor": "motor_control",
    "Olfaction, Familiar odors": "smell",
    "Olfaction, General olfaction": "smell",
    "Others, Calculation": "calculation",
    "Others, Face recognition": "face_recognition",
    "Others, Theory of mind": "theory_of_mind",
    "Pain, Pain processing": "pain",
    "Sensory, Touch-temperature-vibration": "touch",
    "Visual, Color discrimination": "color",
    "Visual, Light intensity patterns": "light_intensity",
    "Visual, Visual motion processing": "visual_motion",
}
"""The catalog's name of each function that means the same; others are left out."""
SOURCE = "table of Brodmann functions, a secondary compilation"


def read(path: Path, name: str) -> AtlasRows:
    """Return the atlas of the file, or of the folder in which it is.

    Raises:
        AtlasError: the file is missing or is not what it must be.
    """
    columns = ("function_index", "category", "function", "brodmann_area", "hemisphere", *"xyz")
    rois: dict[str, Roi] = {}
    excited: dict[tuple[str, str], Association] = {}
    given: set[str] = set()
    for where, row in read_table(file_at(path, "function_area_mni.csv"), columns):
        area, hemisphere = row["brodmann_area"], row["hemisphere"]
        roi = f"BA{area}_{hemisphere}"
        if roi not in rois:
            x, y, z = (number(where, row, axis) for axis in "xyz")
            rois[roi] = Roi(
                roi,
                f"Brodmann area {area}",
                cast(Hemisphere, hemisphere),
                x,
                y,
                z,
                source="Talairach volume of Brodmann areas, centroids",
            )
        called = f"{row['category']}, {row['function']}"
        given.add(called)
        if called in FUNCTIONS:
            pair = (FUNCTIONS[called], roi)
            excited[pair] = Association(*pair, degree=1.0, source=SOURCE)
    return AtlasRows(
        name,
        "Brodmann areas with their functions, of degree 1 each, from a secondary compilation; "
        f"{len(given - FUNCTIONS.keys())} of {len(given)} functions mean none of the catalog's "
        "and are left out. No relations.",
        tuple(rois.values()),
        tuple(excited.values()),
        (),
    )
