"""Null connectomes: what a benefit of the connectome has to be compared with."""

from scipy.sparse import csr_array

from brainray.seeding import numpy_generator


def shuffled(connectome_RR: csr_array, seed: int) -> csr_array:
    """Permute the ROIs: the same graph, but of other ROIs.

    Args:
        connectome_RR: symmetric.
        seed: of the permutation.
    """
    order_R = numpy_generator(seed, "shuffled connectome").permutation(connectome_RR.shape[0])
    return csr_array(connectome_RR[order_R][:, order_R])
