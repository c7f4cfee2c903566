from pathlib import Path

from brainray.pipeline.record import Record
from brainray.pipeline.tracking.files import file_of


def test_each_pair_has_a_file_of_its_own_in_the_folder_of_the_run(tmp_path: Path) -> None:
    record = Record(tmp_path)
    pairs = [("a-b", "c"), ("a", "b-c"), ("a/../../b", "c"), ("a,b", "c"), ("a", "b,c"), ("..", "")]
    files = [file_of(record, "looks", *pair, ".npy") for pair in pairs]
    assert len(set(files)) == len(pairs)
    assert {path.resolve().parent for path in files} == {(tmp_path / "looks").resolve()}
