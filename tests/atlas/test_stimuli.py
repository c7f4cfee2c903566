import csv
import importlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import yaml

from brainray.errors import AtlasError
from brainray.testing.small_atlas import small_atlas

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FILES = ["stimuli.yaml", "stimuli_with_tables.yaml"]
NAMES = {
    "motion",
    "color",
    "faces",
    "places",
    "reading aloud",
    "speech",
    "music",
    "fear",
    "reward",
    "pain",
    "working memory",
    "finger movement",
}

# Lancaster et al. 2007, Human Brain Mapping 28:1194, table 4: from MNI to Talairach, pooled.
TALAIRACH = np.array(
    [
        [0.9357, 0.0029, -0.0072, -1.0423],
        [-0.0065, 0.9396, -0.0726, -1.3940],
        [0.0103, 0.0752, 0.8967, 3.6475],
    ]
)


@pytest.fixture
def stimuli(monkeypatch):
    """The helper of the benchmark, imported as the benchmark does."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("atlas_on_data.stimuli")


@pytest.mark.parametrize("name", FILES)
def test_twelve_stimuli_with_functions_of_the_dictionary_and_sources(stimuli, name):
    found = stimuli.read_stimuli(stimuli.FOLDER / name)
    seed = (files("brainray.catalog") / "seed/functions.csv").read_text(encoding="utf-8")
    known = {row["function"] for row in csv.DictReader(seed.splitlines())}
    assert {stimulus.name for stimulus in found} == NAMES
    for stimulus in found:
        assert known.issuperset(stimulus.functions)
        assert 2 <= len(stimulus.functions) <= 4
        assert stimulus.own in stimulus.functions
        assert len(stimulus.sources) == len(stimulus.peaks_P3)


def test_talairach_coordinates_are_converted(stimuli):
    entries = yaml.safe_load(stimuli.STIMULI_WITH_TABLES.read_text(encoding="utf-8"))
    peaks = [peak for entry in entries for peak in entry["peaks"] if "talairach" in peak]
    assert peaks
    for peak in peaks:
        at = np.linalg.solve(TALAIRACH[:, :3], np.array(peak["talairach"]) - TALAIRACH[:, 3])
        assert np.abs(at - peak["at"]).max() <= 0.6


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"own": "color"}, "own"),
        ({"peaks": []}, "0 peaks"),
        ({"peaks": [{"at": [1, 2], "source": "x"}]}, "three coordinates"),
        ({"peaks": [{"at": [1, 2, 3], "source": " "}]}, "source"),
        ({"peaks": [{"at": [1, 2, 3]}]}, "at, source"),
        ({"place": 1}, "keys"),
    ],
)
def test_what_is_wrong_is_refused(stimuli, tmp_path, change, named):
    entry = {
        "stimulus": "motion",
        "functions": ["visual_motion", "gaze"],
        "own": "visual_motion",
        "peaks": [{"at": [-47, -76, 2], "source": "Dumoulin 2000"}],
    }
    path = tmp_path / "stimuli.yaml"
    path.write_text(yaml.safe_dump([entry]), encoding="utf-8")
    assert stimuli.read_stimuli(path)[0].name == "motion"
    path.write_text(yaml.safe_dump([entry | change]), encoding="utf-8")
    with pytest.raises(AtlasError, match=named):
        stimuli.read_stimuli(path)


def test_the_score_of_a_small_atlas(stimuli):
    # Five ROIs in a row; each of the stimuli is expected at its own end.
    rois = [f"r{i}" for i in range(5)]
    atlas = small_atlas(
        {"a": {"r0": 1.0}, "b": {"r4": 1.0}, "c": {"r0": 0.5, "r1": 1.0}},
        {"a": "x.a", "b": "x.b", "c": "x.c"},
        rois=rois,
    )

    def direct(given):
        def strengths(functions):
            columns = [given.functions.index(name) for name in functions if name in given.functions]
            return given.relative[:, columns].sum(axis=1)

        return strengths

    # Peaks near r0 (3 mm away) and near r3, which no function excites.
    near_r0 = np.array([atlas.coordinates[0] + [3, 0, 0]])
    near_r3 = np.array([atlas.coordinates[3]])
    given = [
        stimuli.Stimulus("first", ("a", "c"), "a", near_r0, ("source",)),
        stimuli.Stimulus("second", ("b", "c"), "b", near_r3, ("source",)),
    ]
    first, second = stimuli.score(atlas, direct, given)
    assert first["expected"] == ["r0"]
    assert first["away_mm"] == [3.0]
    assert first["strongest"] == ["r0", "r1"]  # of 1.5 and 1; what is not active is not strong
    assert first["hit"]
    assert first["strongest_without_own"] == ["r1", "r0"]
    assert first["hit_without_own"]
    assert first["mismatched"] == 0
    assert second["strongest"] == ["r1", "r4", "r0"]
    assert not second["hit"]
    assert not second["hit_without_own"]
    assert second["mismatched"] == 1
    totals = stimuli.totals([first, second])
    assert totals == {"strict": 1.0, "own_removed": 1.0, "mismatched": 1.0}


def test_a_function_that_nobody_knows_is_refused(stimuli):
    atlas = small_atlas({"a": {"r0": 1.0}}, {"a": "x.a"})
    given = [stimuli.Stimulus("odd", ("a", "zzz"), "a", np.zeros((1, 3)), ("source",))]
    with pytest.raises(AtlasError, match="zzz"):
        stimuli.score(atlas, stimuli.by_mechanism(), given)
