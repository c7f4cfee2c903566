"""Pictures of tracks, however far apart frames and boxes are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainray.pipeline.tracking.pictures import draw_sheet
from brainray.pipeline.tracking.publication import SHEET, draw_tracks
from brainray.tracking.frames import ImageFolder
from brainray.tracking.rows import Rows
from brainray.tracking.sequences import LabelledSequence, labelled

CELLS = 4


def walk(numbers: list[int], left: float = 40.0) -> Rows:
    boxes_N4 = np.tile([left, 30.0, 20.0, 60.0], (len(numbers), 1))
    return Rows.of(np.array(numbers), boxes_N4, ids_N=np.ones(len(numbers), dtype=int))


def sheet_of(sequence: LabelledSequence, tracks: Rows, folder: Path) -> Image.Image:
    draw_sheet([sequence], {sequence.name: tracks}, folder / "tracks.png")
    with Image.open(folder / "tracks.png") as sheet:
        sheet.load()
    return sheet


def cells_with_a_box(sheet: Image.Image) -> int:
    """Count the cells in which the color of the first identity is drawn."""
    width = sheet.width // CELLS
    red, green, blue = np.asarray(sheet).astype(int).transpose(2, 0, 1)
    drawn = (abs(red - green) > 60) | (abs(green - blue) > 60)
    return sum(bool(drawn[:, cell * width : (cell + 1) * width].any()) for cell in range(CELLS))


@pytest.mark.timeout(20)
def test_time_stamps_are_frames_too(tmp_path: Path) -> None:
    numbers = [1_700_000_000_000 + 33 * step for step in range(10)] + [10**15]
    tracks = walk(numbers)
    sheet = sheet_of(labelled("stamps", tracks, {}), tracks, tmp_path)
    assert sheet.width == 1600
    assert cells_with_a_box(sheet) == CELLS


def test_pictures_are_drawn_where_there_are_some(tmp_path: Path) -> None:
    numbers = list(range(30, 630, 30))
    for number in numbers[:14]:  # they end before the truth does
        Image.new("L", (160, 90), 128).save(tmp_path / f"{number}.png")
    tracks = walk(numbers)
    sequence = labelled("gaps", tracks, {}, frames=ImageFolder(tmp_path, "gaps"))
    sheet = sheet_of(sequence, tracks, tmp_path)
    assert sheet.size == (1600, 225)
    assert cells_with_a_box(sheet) == CELLS


def test_a_canvas_is_small_however_far_away_a_box_is(tmp_path: Path) -> None:
    for left, top in ((200_000.0, 30.0), (40.0, 9e6)):
        tracks = walk([1, 2, 3], left)
        tracks.boxes_N4[:, 1] = top
        sheet = sheet_of(labelled("far", tracks, {}), tracks, tmp_path)
        assert sheet.width == 1600
        assert 16 <= sheet.height <= 400


def test_a_stretch_without_pictures_costs_its_drawing_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (160, 90), 128).save(tmp_path / "1.png")
    tracks = walk([1, 2, 3, 4])
    bare = labelled("bare", tracks, {}, frames=ImageFolder(tmp_path, "bare")).halves()[1]
    canvas = labelled("canvas", tracks, {})
    monkeypatch.setattr("brainray.pipeline.tracking.publication.can_film", lambda: False)
    (tmp_path / "one").mkdir()
    notes = draw_tracks([bare], {"bare": tracks}, tmp_path / "one")
    said = "tracks.png is without bare: there are no pictures of the frames that it would show."
    assert notes[-1] == said
    assert not list((tmp_path / "one").iterdir())
    notes = draw_tracks([bare, canvas], {"bare": tracks, "canvas": tracks}, tmp_path / "one")
    assert notes[-1] == said
    assert [one.name for one in (tmp_path / "one").iterdir()] == [SHEET]
