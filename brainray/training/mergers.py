"""Ways in which the messages of all workers become one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from brainray.errors import TrainingError
from brainray.training.interface import Merger


class Sum:
    """The sum in rank order."""

    collective: str | None = "sum"

    def merge(self, messages: Sequence[Tensor]) -> Tensor:
        """Return the sum."""
        return torch.stack(list(messages)).sum(dim=0)


class Least:
    """The message whose last number is the smallest, of equals the first; NaN is never chosen."""

    collective: str | None = None

    def merge(self, messages: Sequence[Tensor]) -> Tensor:
        """Return that message; the first one if none has a number there."""
        last = torch.stack([message[-1] for message in messages]).nan_to_num(nan=torch.inf)
        return messages[int(last.argmin())].clone()


SUM = Sum()
LEAST = Least()


def check_alike(postings: Sequence[tuple[Tensor, Merger]]) -> None:
    """Refuse a merge in which workers do not bring the same: all have to merge in one order.

    Args:
        postings: the message and the merger of each worker, in rank order.

    Raises:
        TrainingError: sizes or mergers differ between workers.
    """
    message, merger = postings[0]
    for rank, (other, its_merger) in enumerate(postings):
        if other.shape != message.shape:
            what = f"merges {_size(other)}, worker 0 {_size(message)}"
        elif type(its_merger) is not type(merger):
            what = f"merges by {type(its_merger).__name__}, worker 0 by {type(merger).__name__}"
        else:
            continue
        raise TrainingError(
            f"strategy: worker {rank} {what}; all have to merge the same, in the same order"
        )


def _size(message: Tensor) -> str:
    return "1 number" if message.numel() == 1 else f"{message.numel()} numbers"
