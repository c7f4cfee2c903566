"""Made-up tabular problems, for tests of searchers: other genes and choices than published ones."""

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from brainray.seeding import numpy_generator


def epistatic_table(
    alleles: Sequence[int] = (4, 2, 6, 3, 5),
    seed: int = 0,
    epistasis: float = 0.7,
    noise: float = 0.1,
) -> pa.Table:
    """Return a table of all codes whose values add up from effects of genes and of pairs of genes.

    A second-order expansion of a fitness landscape (Hordijk and Stadler 1998): genes matter to
    different degrees, and none is best for itself.

    Args:
        alleles: of each gene; the genes are the columns ``gene_0``, ``gene_1``, …
        seed: of effects and noise.
        epistasis: standard deviation of what pairs add, to that of what single genes add.
        noise: standard deviation of the noise to that of the values. The columns ``validation``
            and ``test`` differ in it alone.
    """
    generator = numpy_generator(seed, "epistatic")
    codes_NG = np.array(list(itertools.product(*map(range, alleles))))
    alone_N, together_N = np.zeros((2, len(codes_NG)))
    for gene, size in enumerate(alleles):
        alone_N += generator.gamma(1.0) * generator.normal(size=size)[codes_NG[:, gene]]
    for one, two in itertools.combinations(range(len(alleles)), 2):
        effects = generator.normal(size=(alleles[one], alleles[two]))
        together_N += effects[codes_NG[:, one], codes_NG[:, two]]
    values_N = alone_N / alone_N.std() + epistasis * together_N / together_N.std()
    values_N /= values_N.std()
    columns = {f"gene_{number}": codes_NG[:, number] for number in range(len(alleles))}
    for name in ("validation", "test"):
        columns[name] = values_N + noise * generator.normal(size=len(codes_NG))
    return pa.table(columns)
