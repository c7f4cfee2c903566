import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from brainray.atlas.importers.schaefer import SUBCORTEX, read
from brainray.catalog.brain import AtlasRows
from brainray.catalog.brain_checks import check
from brainray.catalog.seeding import seed_functions
from brainray.errors import AtlasError

LABELS = ["7Networks_LH_Vis_1", "7Networks_RH_SomMot_1"]
ORDER = [*LABELS, "Lamyg", "Raccumb"]
FILES = {
    "schaefer100_rois.csv": "index,label,hemisphere,network7,x,y,z\n"
    f"0,{LABELS[0]},L,Vis,-25,-33,-16\n1,{LABELS[1]},R,SomMot,40,-20,50\n",
    "schaefer100_with_subcortex_labels.txt": "\n".join(ORDER),
}
TERMS = f"label,fear,mental_imagery,goal\n{LABELS[0]},2.5,-1,3\n{LABELS[1]},0.5,1.5,2\n"


def write_terms(folder: Path, text: str) -> None:
    (folder / "schaefer100_neurosynth_terms.csv.gz").write_bytes(gzip.compress(text.encode()))


def write_matrices(folder: Path, **changed: np.ndarray) -> None:
    fc = np.zeros((4, 4), dtype=np.float32)
    sc = np.zeros((4, 4), dtype=np.float32)
    fc[0, 1] = fc[1, 0] = np.arctanh(0.5)
    fc[0, 3] = fc[3, 0] = -0.1
    sc[1, 2] = sc[2, 1] = -2.0
    arrays = {"enigma_fc_100_with_subcortex": fc, "enigma_sc_100_with_subcortex": sc}
    np.savez(folder / "connectivity.npz", **(arrays | changed))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    write_terms(tmp_path, TERMS)
    write_matrices(tmp_path)
    return tmp_path


def test_a_small_one_by_hand(folder):
    rows = read(folder, "mine")
    assert [roi.name for roi in rows.rois] == [
        "LH_Vis_1",
        "RH_SomMot_1",
        "LH_amygdala",
        "RH_accumbens",
    ]
    assert [roi.hemisphere for roi in rows.rois] == ["L", "R", "L", "R"]
    assert rows.rois[2].structure == "subcortex"
    assert [(a.function, a.roi, a.degree) for a in rows.associations] == [
        ("fear", "LH_Vis_1", 2.5),
        ("fear", "RH_SomMot_1", 0.5),
        ("visual_imagery", "RH_SomMot_1", 1.5),
    ]
    relations = {(r.kind, r.a, r.b): r.weight for r in rows.relations}
    assert relations == {
        ("structural", "RH_SomMot_1", "LH_amygdala"): pytest.approx(np.log1p(np.exp(-2))),
        ("functional", "LH_Vis_1", "RH_SomMot_1"): pytest.approx(0.5),
        ("functional", "LH_Vis_1", "RH_accumbens"): pytest.approx(np.tanh(-0.1)),
    }
    assert not any(relation.directed for relation in rows.relations)


class TestRefused:
    @pytest.mark.parametrize(
        ("terms", "message"),
        [
            (TERMS.replace("2.5", "nan"), r"terms\.csv\.gz line 2: fear nan, must be a finite"),
            (TERMS.replace("2.5", "much"), r"could not convert string to float: 'much'"),
            (TERMS.replace("0.5,", ""), r"line 3: 3 cells, must be 4"),
            (TERMS.replace("LH_Vis_1", "LH_Vis_2"), r"must have the labels of schaefer100_rois"),
        ],
    )
    def test_terms(self, folder, terms, message):
        write_terms(folder, terms)
        with pytest.raises(AtlasError, match=message):
            read(folder, "mine")

    def test_terms_that_are_not_packed(self, folder):
        (folder / "schaefer100_neurosynth_terms.csv.gz").write_text(TERMS)
        with pytest.raises(AtlasError, match=r"terms\.csv\.gz: cannot be read"):
            read(folder, "mine")

    @pytest.mark.parametrize(
        ("matrix", "message"),
        [
            (np.zeros((3, 3)), "enigma_fc_100_with_subcortex: is 3 x 3, must be 4 x 4"),
            (np.full((4, 4), np.nan), "must be a finite number"),
            (np.zeros((4, 4), dtype=int), "has no matrix of numbers 'enigma_fc_100"),
        ],
    )
    def test_matrices(self, folder, matrix, message):
        write_matrices(folder, enigma_fc_100_with_subcortex=matrix)
        with pytest.raises(AtlasError, match=message):
            read(folder, "mine")

    @pytest.mark.parametrize(
        ("order", "message"),
        [
            (ORDER[::-1], "must begin with the 2 labels of schaefer100_rois"),
            ([*LABELS, "Lamyg", "Lbrain"], "'Lbrain': allowed are L or R before accumb, amyg"),
        ],
    )
    def test_the_order_of_the_matrices(self, folder, order, message):
        (folder / "schaefer100_with_subcortex_labels.txt").write_text("\n".join(order))
        with pytest.raises(AtlasError, match=message):
            read(folder, "mine")

    @pytest.mark.parametrize("name", [*FILES, "connectivity.npz"])
    def test_a_missing_file(self, folder, name):
        (folder / name).unlink()
        with pytest.raises(AtlasError, match=name):
            read(folder, "mine")


@pytest.fixture(scope="module")
def rows() -> AtlasRows:
    return read(Path(os.environ["BRAINRAY_DATA"]) / "brain_schaefer", "schaefer")


@pytest.mark.data
class TestReal:
    def test_the_catalog_takes_it_as_it_is(self, rows):
        functions = {row["function"]: row["function"] for row in seed_functions()}
        checked, warnings = check(rows, functions)
        assert checked == rows
        (warning,) = warnings
        assert "LH_amygdala" in warning

    def test_counts(self, rows):
        assert len(rows.rois) == 114
        assert sum(roi.structure == "subcortex" for roi in rows.rois) == 2 * len(SUBCORTEX)
        assert len({a.function for a in rows.associations}) == 45
        kinds = [relation.kind for relation in rows.relations]
        assert kinds.count("structural") == 1686
        assert kinds.count("functional") == 6441

    def test_peaks_lie_where_they_should(self, rows):
        def peak(function: str) -> str:
            found = [a for a in rows.associations if a.function == function]
            return max(found, key=lambda a: a.degree).roi

        assert "SomMot" in peak("movement")
        assert "Vis" in peak("visual_perception")
        assert peak("sentence_comprehension").startswith("LH")

    def test_functional_relations_are_correlations(self, rows):
        weights = [r.weight for r in rows.relations if r.kind == "functional"]
        assert -0.1 < min(weights) < 0 < max(weights) < 0.9
