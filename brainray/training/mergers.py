"""Ways in which the messages of all workers become one."""

from collections.abc import Sequence

import torch
from torch import Tensor


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
