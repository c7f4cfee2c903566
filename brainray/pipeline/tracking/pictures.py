"""Tracks drawn on frames: a sheet of some of them, and a video where PyAV is installed."""

import colorsys
import io
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import numpy as np
from PIL import Image, ImageDraw

from brainray.files import write_atomically
from brainray.tracking.rows import Rows
from brainray.tracking.sequences import LabelledSequence, Size

COLUMNS, CELL = 4, 400
"""Frames of a sequence on the sheet, and how wide each is in pixels."""
VIDEO_WIDTH, VIDEO_FRAMES, VIDEO_RATE = 640, 300, 15
"""A video is to be looked at: not larger, longer or quicker than this."""
GOLDEN = 0.618034
PAPER, INK, FRAME = (24, 26, 30), (235, 235, 235), (70, 74, 80)


def draw_sheet(
    sequences: Sequence[LabelledSequence], tracks: Mapping[str, Rows], path: Path
) -> list[str]:
    """Write some frames of each sequence, with boxes and identities, as one PNG.

    Args:
        sequences: a row of the sheet each; frames that are not there are an empty canvas.
        tracks: of each sequence.
        path: of the file; written atomically, if there is something to draw.

    Returns:
        The names of sequences that it has no row for: they have pictures, but none of these frames.

    Raises:
        FrameError: naming the sequence and the frame that cannot be read.
    """
    rows = []
    for one in sequences:
        chosen = _spread(one)
        rows.append(
            [
                annotated(picture, tracks[one.name], number, CELL, f"{one.name} #{number}")
                for number, picture in pictures_of(one, tracks[one.name])
                if number in chosen
            ]
        )
    # Pictures may be of a part alone, and a file may say that it has more frames than it has.
    without = [one.name for one, row in zip(sequences, rows, strict=True) if not row]
    rows = [row for row in rows if row]
    if not rows:
        return without
    high = [max(image.height for image in row) for row in rows]
    sheet = Image.new("RGB", (COLUMNS * CELL, sum(high)), PAPER)
    top = 0
    for row, height in zip(rows, high, strict=True):
        for number, image in enumerate(row):
            sheet.paste(image, (number * CELL, top))
        top += height
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
    return without


def _spread(sequence: LabelledSequence) -> set[int]:
    """Return the numbers of some frames that can be drawn, evenly apart."""
    numbers = sequence.numbers
    if sequence.frames is not None and sequence.frames.numbers is not None:
        numbers = np.intersect1d(numbers, sequence.frames.numbers)
    places = np.linspace(0, len(numbers) - 1, COLUMNS + 2).round().astype(int)[1:-1]
    return set(numbers[places].tolist()) if len(numbers) else set()


def can_film() -> bool:
    """Return whether videos can be written here."""
    return find_spec("av") is not None


def film(sequence: LabelledSequence, tracks: Rows, path: Path) -> None:
    """Write the first frames of a sequence, with boxes and identities, as a video.

    Args:
        sequence: frames that are not there are an empty canvas.
        tracks: of it.
        path: of the file, ``.mp4``; written atomically, if there is a frame.

    Raises:
        FrameError: naming the sequence and the frame that cannot be read.
    """
    import av

    temporary = path.with_name(f".{uuid4().hex}{path.suffix}")
    try:
        with av.open(str(temporary), "w") as container:
            stream = None
            for count, (number, picture) in enumerate(pictures_of(sequence, tracks)):
                if count == VIDEO_FRAMES:
                    break
                image = annotated(picture, tracks, number, VIDEO_WIDTH, str(number))
                if stream is None:
                    stream = container.add_stream("libx264", rate=VIDEO_RATE)
                    stream.width, stream.height = image.width, image.height - image.height % 2
                    stream.pix_fmt = "yuv420p"
                image = image.crop((0, 0, stream.width, stream.height))
                frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
                container.mux(stream.encode(frame))
            if stream is not None:
                container.mux(stream.encode())
        if stream is not None:  # without a frame PyAV has made no file
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def pictures_of(
    sequence: LabelledSequence, tracks: Rows
) -> Iterator[tuple[int, Image.Image | Size]]:
    """Yield number and picture of each frame of a stretch; without frames the size of a canvas."""
    if sequence.frames is None:
        size = size_of(sequence, tracks)
        yield from ((number, size) for number in sequence.numbers.tolist())
        return
    for number, image_HWC in sequence.frames:
        if number > sequence.last:
            return
        if number >= sequence.first:
            yield number, Image.fromarray(image_HWC)


def size_of(sequence: LabelledSequence, tracks: Rows) -> Size:
    """Return the size of a sequence's pictures, or as much as its boxes need."""
    if sequence.size is not None:
        return sequence.size
    boxes_N4 = np.concatenate([sequence.truth.boxes_N4, tracks.boxes_N4])
    right, bottom = (boxes_N4[:, :2] + boxes_N4[:, 2:]).max(axis=0)
    return max(16, int(right)), max(16, int(bottom))


def annotated(
    picture: Image.Image | Size, tracks: Rows, frame: int, width: int, title: str
) -> Image.Image:
    """Return a picture of a given width with the boxes of a frame and their identities.

    Args:
        picture: of the frame, or the size of a canvas in its place.
        tracks: of the sequence.
        frame: its number.
        width: in pixels; the height follows, but a canvas is no higher than it is wide, whatever
            far boxes want.
        title: is written on it.
    """
    if isinstance(picture, Image.Image):
        factor = width / picture.width
        image = picture.resize((width, max(1, round(picture.height * factor))))
    else:
        factor = width / max(picture)
        image = Image.new("RGB", (width, max(16, round(picture[1] * factor))), PAPER)
    draw = ImageDraw.Draw(image)
    here = tracks[tracks.frames_N == frame]
    for identity, box_4 in zip(here.ids_N.tolist(), here.boxes_N4 * factor, strict=True):
        left, top, wide, high = box_4.tolist()
        color = color_of(identity)
        draw.rectangle((left, top, left + wide, top + high), outline=color, width=2)
        draw.text((left + 3, top + 1), str(identity), fill=color)
    draw.rectangle((0, 0, width - 1, image.height - 1), outline=FRAME)
    draw.text((4, 2), title, fill=INK, stroke_width=2, stroke_fill=PAPER)
    return image


def color_of(identity: int) -> tuple[int, int, int]:
    """Return the color of an identity: neighbors differ clearly."""
    red, green, blue = colorsys.hsv_to_rgb((identity * GOLDEN) % 1, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
