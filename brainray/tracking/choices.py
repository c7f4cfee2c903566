"""What a search chooses: a detector, from which score on it is believed, a tracker, its options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from brainray import plugins
from brainray.errors import DataError, PluginError, ScenarioError
from brainray.networks.detectors.interface import Tag
from brainray.search.interface import Gene, Genome, Space
from brainray.tracking.interface import check_options, make_tracker

MIN_SCORES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
TRACKERS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "two_stage": {
        "high_score": (0.65, 0.3, 0.4, 0.5, 0.6, 0.75),
        "birth_score": (0.7, 0.3, 0.4, 0.5, 0.6, 0.8),
        "second_match": (0.6, 0.4, 0.5, 0.7),
        "enlarge": (0.18, 0.0, 0.1, 0.3),
        "min_hits": (2, 1, 3),
        "max_age": (45, 15, 30, 90),
        "camera": (True, False),
    },
    "sort": {
        "max_age": (1, 5, 15, 30, 60),
        "min_hits": (3, 1, 2),
        "iou_threshold": (0.3, 0.1, 0.2, 0.4, 0.5),
    },
    "deep_sort": {
        "max_age": (30, 15, 60),
        "n_init": (3, 1, 2),
        "max_iou_distance": (0.7, 0.5, 0.8),
    },
}
"""What is tried where a scenario says nothing; the first of each is the published or chosen one."""


@dataclass(frozen=True)
class Known:
    """What is known of a detector.

    Attributes:
        code: in the search space.
        stage: whether its boxes come straight from the image or from regions proposed before;
            None where that is not known.
    """

    code: str
    stage: Tag | None = None


KNOWN: Mapping[str, Known] = {
    "detr": Known("001", "one-stage"),
    "ssd": Known("002", "one-stage"),
    "yolov3": Known("003", "one-stage"),
    "faster_rcnn": Known("004", "two-stage"),
    "fasterrcnn": Known("004", "two-stage"),
    "frcnn": Known("004", "two-stage"),
    "yolox": Known("005", "one-stage"),
    "nanodet": Known("006", "one-stage"),
    "centernet": Known("007", "one-stage"),
    "hog": Known("008", "one-stage"),
    "dpm": Known("009", "one-stage"),
    "sdp": Known("010", "two-stage"),
}
"""Detectors by how their names begin; 001 to 004 as in the paper's Table 2, others by ourselves."""
FIRST_FREE = 101
"""The codes of those that are not known count from here, in the order of their names."""


def known_of(detectors: Sequence[str], live: Mapping[str, str] | None = None) -> dict[str, Known]:
    """Return what is known of each detector, a code at least.

    Args:
        detectors: by the names that a scenario or its files give them.
        live: what those are that look at pictures, e.g. ``ssdlite320_mobilenet_v3_large``. Others,
            and those that may be anything, are known by their names.
    """
    found, free = {}, FIRST_FREE
    for name in sorted(detectors):
        known = _named_like((live or {}).get(name, "")) or _named_like(name)
        found[name] = known or Known(f"{free:03}")
        free += known is None
    return found


def _named_like(name: str) -> Known | None:
    plain = name.lower().replace("-", "_")
    # The longest beginning counts: yolox is not yolo.
    keys = sorted((key for key in KNOWN if plain.startswith(key)), key=len)
    return KNOWN[keys[-1]] if keys else None


@dataclass(frozen=True)
class Setting:
    """One way to track.

    Attributes:
        detector: whose boxes.
        min_score: boxes of lower scores do not count.
        tracker: of ``brainray.trackers``.
        options: of the tracker.
        looks: whether the tracker is told how boxes look.
    """

    detector: str
    min_score: float
    tracker: str
    options: Mapping[str, Any]
    looks: bool = False


@dataclass(frozen=True)
class TrackingCode:
    """Which code means which `Setting`.

    Of the genes of options only those of the chosen tracker count; the others are 0.

    Attributes:
        detectors: that may be chosen.
        min_scores: that may be chosen.
        trackers: the values of each option of each tracker.
        looks: whether boxes have appearance vectors, which a tracker may be told of or not.

    Raises:
        ScenarioError: there is nothing to choose from, or a tracker has no such option or value.
    """

    detectors: tuple[str, ...]
    min_scores: tuple[float, ...] = MIN_SCORES
    trackers: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=lambda: TRACKERS)
    looks: bool = False

    def __post_init__(self) -> None:
        if not self.detectors:
            raise ScenarioError("search.detectors: there is none that has boxes of all sequences")
        for tracker, options in self.trackers.items():
            _check(tracker, options)

    @property
    def space(self) -> Space:
        """The codes; those worth trying first are each detector with the first of all values."""
        genes = [
            Gene("detector", self.detectors, "detector"),
            Gene("min_score", tuple(f"{value:g}" for value in self.min_scores), "detector"),
            Gene("tracker", tuple(self.trackers), "tracker"),
        ]
        genes += [
            Gene(f"{tracker}.{option}", tuple(map(str, values)), tracker)
            for tracker, options in self.trackers.items()
            for option, values in options.items()
        ]
        if self.looks:
            genes.append(Gene("looks", ("unseen", "seen"), "tracker"))
        first = (0,) * (len(genes) - 1)
        starts = tuple((number, *first) for number in range(len(self.detectors)))
        return Space(tuple(genes), self.repair, starts)

    def repair(self, genome: Genome) -> Genome:
        """Set to 0 what does not count: options of other trackers, looks that it has no use for."""
        chosen = list(self.trackers)[genome[2]]
        owners = [name for name, options in self.trackers.items() for _ in options]
        end = 3 + len(owners)
        options = (
            value if owner == chosen else 0
            for owner, value in zip(owners, genome[3:end], strict=True)
        )
        # To load a tracker takes a while, and searchers repair often.
        sees = self.looks and getattr(plugins.load("trackers", chosen), "looks", False)
        return (*genome[:3], *options, *(value if sees else 0 for value in genome[end:]))

    def decode(self, genome: Genome) -> Setting:
        """Return what a code means."""
        self.space.check(genome)
        detector, score, which = genome[:3]
        tracker = list(self.trackers)[which]
        start = 3 + sum(len(options) for options in list(self.trackers.values())[:which])
        options = self.trackers[tracker]
        return Setting(
            self.detectors[detector],
            self.min_scores[score],
            tracker,
            {
                name: values[genome[start + number]]
                for number, (name, values) in enumerate(options.items())
            },
            self.looks and genome[-1] == 1,
        )


def see_the_camera(trackers: Mapping[str, Mapping[str, Sequence[Any]]]) -> bool:
    """Return whether some choice needs the camera's motion, which pictures tell.

    Args:
        trackers: the values of each option of each tracker.

    Raises:
        ScenarioError: a tracker has no such option or value.
    """
    for tracker, options in trackers.items():
        _check(tracker, options)
    return any(
        make_tracker(tracker, chosen).needs_motion
        for tracker, options in trackers.items()
        for chosen in (
            {},
            *({option: value} for option, values in options.items() for value in values),
        )
    )


def _check(name: str, options: Mapping[str, Sequence[Any]]) -> None:
    try:
        tracker = plugins.load("trackers", name)
        for option, values in options.items():
            if not values:
                raise ScenarioError(f"search.trackers.{name}.{option}: has no value")
            for value in values:
                check_options(name, tracker, {option: value})
    except (DataError, PluginError) as error:
        raise ScenarioError(f"search.trackers: {error}") from error
