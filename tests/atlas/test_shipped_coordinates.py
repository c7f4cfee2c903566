"""The ROIs that ship lie where other atlases, which do not ship, have the same areas.

An area of theirs is larger than an ROI, or cut otherwise: its center is `CLOSE_MM` away at most.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from brainray.catalog.brain_seed import shipped_atlas

CLOSE_MM = 20.0

BRODMANN = {
    "V1": 17,
    "V2": 18,
    "V3A": 19,
    "OPA": 19,
    "PT": 41,
    "A1": 41,
    "BELT": 42,
    "STGm": 22,
    "STGp": 22,
    "STSm": 21,
    "MTGa": 21,
    "TP": 38,
    "IFGop": 44,
    "IFGtri": 45,
    "IFGorb": 47,
    "AG": 39,
    "TPJp": 39,
    "SMG": 40,
    "hIPS": 40,
    "SPL": 7,
    "IPS1": 7,
    "FEF": 6,
    "PMd": 6,
    "M1hand": 4,
    "S1hand": 3,
    "S1face": 43,
    "DLPFCa": 9,
    "SFG": 8,
    "FPC": 10,
    "OFCmed": 11,
    "RSC": 30,
    "PHG": 36,
    "ERC": 28,
    "VWFA": 37,
    "MST": 37,
}
HARVARD_OXFORD = {
    "hMT": "Lateral_Occipital_Cortex_inferior_division",
    "LO": "Lateral_Occipital_Cortex_inferior_division",
    "EBA": "Lateral_Occipital_Cortex_inferior_division",
    "V4": "Occipital_Fusiform_Gyrus",
    "OFA": "Occipital_Fusiform_Gyrus",
    "FFA": "Temporal_Occipital_Fusiform_Cortex",
    "pFs": "Temporal_Occipital_Fusiform_Cortex",
    "VO": "Temporal_Occipital_Fusiform_Cortex",
    "FBA": "Temporal_Fusiform_Cortex_posterior_division",
    "ATLv": "Temporal_Fusiform_Cortex_anterior_division",
    "PPA": "Parahippocampal_Gyrus_posterior_division",
    "PP": "Planum_Polare",
    "STGa": "Superior_Temporal_Gyrus_anterior_division",
    "MTGp": "Middle_Temporal_Gyrus_temporooccipital_part",
    "TPJa": "Supramarginal_Gyrus_posterior_division",
    "S2": "Parietal_Operculum_Cortex",
    "INSa": "Frontal_Operculum_Cortex",
    "DLPFCp": "Middle_Frontal_Gyrus",
    "dACC": "Cingulate_Gyrus_anterior_division",
    "PCUN": "Precuneous_Cortex",
    "sgACC": "Subcallosal_Cortex",
    "OFCc": "Frontal_Orbital_Cortex",
    "OFClat": "Frontal_Orbital_Cortex",
    "HIPa": "Hippocampus",
    "HIPp": "Hippocampus",
    "AMY": "Amygdala",
    "NAcc": "Accumbens",
    "CAU": "Caudate",
    "PUTa": "Putamen",
    "PUTp": "Putamen",
    "GP": "Pallidum",
    "PUL": "Thalamus",
    "MD": "Thalamus",
    "VL": "Thalamus",
    "VPL": "Thalamus",
}
TALAIRACH = {
    "LGN": "Lateral_Geniculum_Body",
    "MGN": "Medial_Geniculum_Body",
    "SN": "Substania_Nigra",
    "STN": "Subthalamic_Nucleus",
    "HYP": "Hypothalamus",
}
AAL2 = {
    "SMA": "Supp_Motor_Area",
    "preSMA": "Supp_Motor_Area",
    "M1foot": "Paracentral_Lobule",
    "V6": "Occipital_Sup",
    "IPS0": "Occipital_Sup",
    "PIR": "Olfactory",
    "PCC": "Cingulate_Post",
    "pgACC": "Cingulate_Ant",
    "vmPFC": "Frontal_Med_Orb",
    "dmPFC": "Frontal_Sup_Medial",
    "CbV": "Cerebelum_4_5",
    "CbVI": "Cerebelum_6",
    "CbVIII": "Cerebelum_8",
    "CrusI": "Cerebelum_Crus1",
    "CrusII": "Cerebelum_Crus2",
}


@pytest.mark.data
def test_other_atlases_have_the_areas_there() -> None:
    others = Path(os.environ["BRAINRAY_DATA"]) / "brain_rois"
    centers: dict[str, np.ndarray] = {}
    for name in ("talairach_ba_centroids", "harvard_oxford_centroids", "aal2_120_centroids"):
        with (others / f"{name}.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                key = row.get("aal2_name") or f"{row['name']} {row.get('hemisphere', '')}".strip()
                centers[key] = np.array([float(row[axis]) for axis in "xyz"])
    rois = {roi.name: np.array([roi.x, roi.y, roi.z]) for roi in shipped_atlas().rois}
    expected = [
        (base if base in rois else f"{base}_{side}", area)
        for side, word in (("L", "Left"), ("R", "Right"))
        for areas in (
            {base: f"Brodmann_area_{area} {side}" for base, area in BRODMANN.items()},
            {base: f"{area} {side}" for base, area in TALAIRACH.items()},
            {base: f"{word}_{area}" for base, area in HARVARD_OXFORD.items()},
            {base: f"{area}_{side}" for base, area in AAL2.items()},
        )
        for base, area in areas.items()
    ]
    assert len({name for name, _ in expected}) >= 120
    far = {
        name: round(float(distance_mm), 1)
        for name, area in expected
        if (distance_mm := np.linalg.norm(rois[name] - centers[area])) > CLOSE_MM
    }
    assert not far
