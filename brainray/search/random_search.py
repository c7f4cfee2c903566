"""Random search: the honest baseline (Bergstra and Bengio, JMLR 2012)."""

from collections.abc import Iterator, Sequence

from brainray.search.interface import Genome, Space
from brainray.seeding import numpy_generator


class RandomSearch:
    """Draws every code from the space's priors and learns nothing.

    Args:
        space: what is searched.
        seed: of the run.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def ask(self, brood_index: int) -> Iterator[Genome]:
        """Yield independent draws without end."""
        generator = numpy_generator(self._seed, "random", brood_index)
        while True:
            yield self._space.sample(generator)

    def tell(self, genomes: Sequence[Genome], values: Sequence[float]) -> None:
        """Random search does not learn."""
