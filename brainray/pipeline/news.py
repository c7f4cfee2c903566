"""What a run tells of its trainings: to those who look on, and to the record."""

from dataclasses import asdict, dataclass, field

from brainray.pipeline.record import Record
from brainray.training.progress import Progress


@dataclass
class TrainingNews:
    """Takes what trainings tell; see `brainray.training.progress.WatchAll`.

    The record gets a line where a group of workers begins, with the epoch from which it goes on and
    whether it begins anew for its checkpoint was damaged, and one where a training ends. All else
    is passing.

    Attributes:
        record: of the run.
        total: number of trainings.
    """

    record: Record
    total: int
    _ended: set[str] = field(default_factory=set)

    def __call__(self, name: str, progress: Progress) -> None:
        """Take what is new of one training.

        Raises:
            RunError: the record cannot be written.
        """
        effort = progress.effort
        numbers = {"training": name, "epochs": progress.epochs, "of": progress.of}
        numbers |= {"workers": progress.workers} | asdict(effort)
        if progress.begins or progress.ended:
            self.record.append("training", begins=progress.begins, anew=progress.anew, **numbers)
        if progress.ended:
            self._ended.add(name)
        self.record.progress("train", min(len(self._ended), self.total), self.total, **numbers)
