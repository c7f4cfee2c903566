"""What a training tells while it goes on."""

from dataclasses import dataclass
from typing import Protocol

from brainray.training.exchange import Effort


@dataclass(frozen=True)
class Progress:
    """How far a training has come, as its first worker sees it.

    Attributes:
        epochs: that have ended.
        of: all epochs.
        workers: that train.
        effort: so far, with what it had cost before it was resumed.
        begins: whether this group of workers begins, at the beginning or at a checkpoint.
        anew: whether it begins anew because its checkpoint was damaged.
    """

    epochs: int
    of: int
    workers: int
    effort: Effort
    begins: bool = False
    anew: bool = False

    @property
    def ended(self) -> bool:
        """Whether the training has come to its end."""
        return self.epochs == self.of


class Watch(Protocol):
    """Is told of a training; it has to return soon, for the training waits."""

    def __call__(self, progress: Progress, /) -> None:
        """Take what is new."""


class WatchAll(Protocol):
    """Is told of several trainings, which have names."""

    def __call__(self, name: str, progress: Progress) -> None:
        """Take what is new of one of them."""


def unwatched(progress: Progress) -> None:
    """Take no notice."""


def none_watched(name: str, progress: Progress) -> None:
    """Take no notice of any."""
