"""Anybody's files become an atlas, or are refused with file, line, column and what is allowed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brainray.atlas.importers.interface import importer
from brainray.atlas.importers.table import read
from brainray.catalog.brain import Association, Relation, Roi
from brainray.errors import AtlasError, PluginError

ROIS = "name,x,y,z\nA,-10,0,5\nB,10,0,5\nC,0,0,5.5\n"
NAMES = ("A", "B", "C")
Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Makes a folder of files; those that are named by ``_`` for ``.`` have the text given."""

    def make(rois_csv: str = ROIS, **files: str | np.ndarray) -> Path:
        for name, content in ({"rois_csv": rois_csv} | files).items():
            path = tmp_path / name.replace("_", ".")
            if isinstance(content, str):
                path.write_text(content, encoding="utf-8")
            else:
                np.save(path, content)
        return tmp_path

    return make


def test_a_table_of_rois_is_enough(folder: Folder) -> None:
    rows = read(folder(), "mine")
    assert (rows.name, rows.associations, rows.relations) == ("mine", (), ())
    assert rows.rois == (
        Roi("A", "A", "L", -10.0, 0.0, 5.0, source="rois.csv"),
        Roi("B", "B", "R", 10.0, 0.0, 5.0, source="rois.csv"),
        Roi("C", "C", "M", 0.0, 0.0, 5.5, source="rois.csv"),
    )


def test_a_file_is_read_alone(folder: Folder) -> None:
    path = folder(associations_csv="function,roi,degree\nfear,A,1\n") / "rois.csv"
    assert read(path, "mine").associations == ()
    assert read(path.parent, "mine").associations == (
        Association("fear", "A", 1.0, "associations.csv"),
    )


def test_every_column_is_read(folder: Folder) -> None:
    path = folder(
        "\ufeffsource,name,label,hemisphere,structure,parent,network,x,y,z\n"
        'p,A,"a, b",L,subcortex,lobe,Vis,-1e1,0,5\n',
        associations_csv="function,roi,degree,source\nfear,A,0.5,q\n",
        relations_csv="kind,a,b,weight,directed,length_mm,source\n"
        "structural,A,B,2,1,30.5,r\nfunctional,B,A,-0.5,,,\n",
    )
    rows = read(path, "mine")
    assert rows.rois == (Roi("A", "a, b", "L", -10.0, 0.0, 5.0, "subcortex", "lobe", "Vis", "p"),)
    assert rows.associations == (Association("fear", "A", 0.5, "q"),)
    assert rows.relations == (
        Relation("structural", "A", "B", 2.0, True, 30.5, "r"),
        Relation("functional", "B", "A", -0.5, False, None, "relations.csv"),
    )


SYMMETRIC = np.array([[1.0, 0.5, 0.0], [0.5, np.nan, -0.25], [0.0, -0.25, 1.0]])


@pytest.mark.parametrize("suffix", ["csv", "npy"])
def test_a_symmetric_matrix_is_undirected(folder: Folder, suffix: str) -> None:
    text = "\n".join(",".join(map(str, row)) for row in SYMMETRIC)
    path = folder(**{f"functional_{suffix}": text if suffix == "csv" else SYMMETRIC})
    source = f"functional.{suffix}"
    assert read(path, "mine").relations == (
        Relation("functional", "A", "B", 0.5, source=source),
        Relation("functional", "B", "C", -0.25, source=source),
    )


def test_another_matrix_is_directed_from_row_to_column(folder: Folder) -> None:
    path = folder(structural_csv="0,1,0\n2,0,0\n0,3,0\n")
    found = {(one.a, one.b): one.weight for one in read(path, "mine").relations}
    assert found == {("A", "B"): 1.0, ("B", "A"): 2.0, ("C", "B"): 3.0}
    assert all(one.directed for one in read(path, "mine").relations)


def test_a_kind_may_have_rows_instead_of_a_matrix(folder: Folder) -> None:
    path = folder(
        structural_csv="a,b,weight,directed,length_mm,source\nA,B,1.5,0,20,s\n",
        anatomical_csv="a,b,weight\nB,C,1\n",
    )
    assert read(path, "mine").relations == (
        Relation("structural", "A", "B", 1.5, False, 20.0, "s"),
        Relation("anatomical", "B", "C", 1.0, source="anatomical.csv"),
    )


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"rois_csv": "name,x,y\n"}, r"rois\.csv: has no column 'z'; allowed are name, x, y, z"),
        ({"rois_csv": "name,x,y,z,w\n"}, r"rois\.csv: unknown column 'w'; allowed are name"),
        ({"rois_csv": "name,x,y,z,z\n"}, "has the column 'z' twice"),
        ({"rois_csv": ""}, "has no column 'name'"),
        ({"rois_csv": ROIS + "D,1,2\n"}, r"rois\.csv line 5: 3 cells, must be 4"),
        ({"rois_csv": ROIS + "D,1,two,3\n"}, r"rois\.csv line 5: y 'two': must be a number"),
        ({"associations_csv": "function,degree\n"}, r"associations\.csv: has no column 'roi'"),
        ({"associations_csv": "function,roi,degree\nfear,A,\n"}, "line 2: degree '': must be a"),
        ({"relations_csv": "kind,a,b\n"}, r"relations\.csv: has no column 'weight'"),
        (
            {"relations_csv": "kind,a,b,weight,directed\nstructural,A,B,1,maybe\n"},
            "line 2: directed 'maybe', allowed are 0, false, 1, true",
        ),
        ({"structural_csv": "a,b,weight,kind\n"}, "unknown column 'kind'"),
        ({"structural_csv": "0,1\n1,0\n"}, r"structural\.csv: is 2 x 2, must be 3 x 3"),
        ({"structural_csv": "0,1,0\n1,0\n"}, r"structural\.csv line 2: 2 cells, must be 3"),
        ({"structural_csv": "0,x,0\n"}, r"structural\.csv line 1: .*'x'; must be numbers"),
        ({"structural_csv": "A,B,C\n0,1,0\n"}, "line 1: .*must be numbers, no header"),
        ({"structural_csv": ""}, "is 0, must be 3 x 3"),
        (
            {"functional_csv": "0,1,0\n1,0,nan\n0,nan,0\n"},
            r"functional\.csv: row 2 \(B\), column 3 \(C\): nan, must be a finite number",
        ),
        ({"functional_npy": np.full((3, 3), np.inf)}, r"row 1 \(A\), column 2 \(B\): inf"),
        ({"functional_npy": np.zeros((3, 4))}, "is 3 x 4, must be 3 x 3"),
        ({"functional_npy": np.array([["a"]])}, "must be one matrix of numbers"),
        ({"functional_npy": np.array([{}])}, "cannot be read as a matrix"),
        ({"functional_csv": "0\n", "functional_npy": np.zeros((3, 3))}, "has both functional.csv"),
    ],
)
def test_what_cannot_be_read_is_named(
    folder: Folder, files: dict[str, str | np.ndarray], says: str
) -> None:
    with pytest.raises(AtlasError, match=says) as refused:
        read(folder(**files), "mine")
    assert "\n" not in str(refused.value)


def test_files_that_are_no_text_are_refused(folder: Folder) -> None:
    path = folder()
    (path / "rois.csv").write_bytes(b"name,x,y,z\n\xff\xfe,0,0,0\n")
    with pytest.raises(AtlasError, match=r"rois\.csv: cannot be read"):
        read(path, "mine")
    (path / "rois.csv").write_text(ROIS)
    (path / "structural.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(AtlasError, match=r"structural\.npy: cannot be read as a matrix"):
        read(path, "mine")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(AtlasError, match=r"must be rois\.csv, or a folder in which it is"):
            read(path, "mine")


def test_importers_are_found_by_name() -> None:
    assert importer("table") is read
    with pytest.raises(PluginError, match="allowed are aal2, brodmann, nilearn_rois, schaefer, t"):
        importer("mni")
