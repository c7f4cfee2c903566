"""What of a tracking scenario's files travels to a cluster: boxes, and no pictures.

Boxes are read by the process that runs the scenario, pictures by workers wherever they are.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from brainray.datasets.files import sha256_of
from brainray.errors import ScenarioError
from brainray.scenario import TrackingScenario
from brainray.settings import Settings
from brainray.tracking.choices import see_the_camera
from brainray.tracking.frames import holds_mot_sequences
from brainray.tracking.reading import mot_sequences

FOLDER = "data"


def pack_boxes(scenario: TrackingScenario, folder: Path) -> dict[str, Any]:
    """Copy the boxes that a scenario names into a folder; return its ``data`` as it is then.

    Raises:
        ScenarioError: it wants pictures to be looked at, or a file cannot be read.
        DataError: its input has no sequences that can be read.
    """
    data = scenario.data
    looking = {
        "detectors": bool(scenario.detectors),
        "data.appearance": data.appearance is not None,
        "search.trackers": see_the_camera(scenario.search.trackers),
    }
    if any(looking.values()):
        key = next(key for key, looks in looking.items() if looks)
        raise ScenarioError(
            f"{key}: looks at pictures, which are not sent to a cluster; run it on the head, or "
            "detect here and give the boxes as data.detections"
        )
    document: dict[str, Any] = data.model_dump(mode="json")
    if data.input is not None:
        if not data.input.is_dir() or not holds_mot_sequences(data.input):
            raise ScenarioError(
                f"data.input: {data.input}: is no MOT sequence; pictures are not sent to a "
                "cluster, give the boxes alone as data.detections and data.truth"
            )
        for path in mot_sequences(data.input).values():
            for file in sorted([path / "seqinfo.ini", *path.glob("det/*.txt"), *path.glob("gt/*")]):
                target = Path(FOLDER, "input", path.name, file.relative_to(path))
                _copy("data.input", file, folder / target)
        document["input"] = str(Path(FOLDER, "input"))
    document["detections"] = [
        _placed("data.detections", file, folder, f"detections-{number}")
        for number, file in enumerate(data.detections)
    ]
    if data.truth is not None:
        document["truth"] = _placed("data.truth", data.truth, folder, "truth")
    return document


def _placed(key: str, file: Path, folder: Path, where: str) -> str:
    # What a file and its folders are called may say whose boxes it has, and of which sequence.
    place = Path(FOLDER, where, *file.resolve().parts[-3:])
    _copy(key, file, folder / place)
    return str(place)


def _copy(key: str, file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(file, target)
    except OSError as error:
        raise ScenarioError(f"{key}: {file}: cannot be read: {error.strerror}") from error


def kept_boxes(sent: Path, settings: Settings) -> Path:
    """Copy what was sent to where it stays when the job has ended; return its folder there."""
    digest = hashlib.sha256()
    for path in sorted(path for path in sent.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(sent)} {sha256_of(path)}\n".encode())
    target = settings.cache / "sent" / digest.hexdigest()
    if not target.exists():
        part = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copytree(sent, part)
        part.rename(target)
    return target
