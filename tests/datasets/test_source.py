import shutil
from pathlib import Path

import pytest

from brainray.datasets import load_dataset
from brainray.datasets.digit_files import ESC10
from brainray.errors import DataError
from brainray.scenario.model import Data
from brainray.settings import Settings
from brainray.shapes import Modality

NAME = "audio_visual_digits"
INPUTS: dict[str, Modality] = {"image": "image", "audio": "audio"}
SMALL = {"train": 100, "validation": 20, "test": 20}


def settings(cache: Path, data: Path | None) -> Settings:
    return Settings(
        database_url="sqlite://", store_url=str(cache), data=data, cache=cache, runs=cache
    )


@pytest.mark.parametrize("asked", ["auto", "files"])
def test_files_are_taken_when_they_are_there(
    asked: str, ready_folder: Path, tmp_path: Path
) -> None:
    data = Data.model_validate({"name": NAME, "source": asked, "options": SMALL})
    packed, used = load_dataset(data, INPUTS, "digit", 0, settings(tmp_path, ready_folder))
    assert used == "files"
    assert packed.name == NAME
    assert packed.path.parent == tmp_path / "datasets"
    assert packed.row_counts == SMALL
    assert packed.classes == tuple("0123456789")
    again, _ = load_dataset(data, INPUTS, "digit", 0, settings(tmp_path, ready_folder))
    assert again.sha256 == packed.sha256


@pytest.mark.parametrize("asked", ["auto", "embedded"])
def test_embedded_is_taken_without_files(asked: str, tmp_path: Path) -> None:
    data = Data.model_validate({"name": NAME, "source": asked, "options": SMALL})
    packed, used = load_dataset(data, INPUTS, "digit", 0, settings(tmp_path, tmp_path))
    assert used == "embedded"
    assert packed.row_counts == SMALL


def test_a_missing_file_is_named_when_files_are_asked_for(
    ready_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(ready_folder, tmp_path / "data"))
    (folder / ESC10).unlink()
    data = Data(name=NAME, source="files", options=SMALL)
    with pytest.raises(DataError, match=f"data set {NAME}: BRAINRAY_DATA: .*{ESC10}"):
        load_dataset(data, INPUTS, "digit", 0, settings(tmp_path, folder))


def test_a_damaged_file_is_no_reason_to_take_embedded(ready_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ready_folder, tmp_path / "data"))
    (folder / ESC10).write_bytes(b"nonsense")
    with pytest.raises(DataError, match=f"{ESC10}: cannot be read"):
        load_dataset(Data(name=NAME, options=SMALL), INPUTS, "digit", 0, settings(tmp_path, folder))


@pytest.mark.parametrize(
    ("inputs", "target", "missing"),
    [({"picture": "image"}, "digit", "picture"), (INPUTS, "emotion", "emotion")],
)
def test_columns_that_a_ready_data_set_lacks_are_named(
    inputs: dict[str, Modality], target: str, missing: str, tmp_path: Path
) -> None:
    data = Data(name=NAME, source="embedded", options=SMALL)
    message = f"data set {NAME}: has no column '{missing}', there are image, audio, audio_rate"
    with pytest.raises(DataError, match=message):
        load_dataset(data, inputs, target, 0, settings(tmp_path, None))


def test_a_manifest_is_packed(tmp_path: Path) -> None:
    manifest = tmp_path / "my.csv"
    rows = [f"note {i},{'xy'[i % 2]}" for i in range(40)]
    manifest.write_text("\n".join(["note,label", *rows]))
    packed, used = load_dataset(
        Data(manifest=manifest), {"note": "text"}, "label", 0, settings(tmp_path, None)
    )
    assert (used, packed.name, packed.classes) == ("manifest", "my", ("x", "y"))
