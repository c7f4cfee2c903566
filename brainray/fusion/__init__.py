"""Fusion: the genome, feature banks, the fusion network, and training whole broods at once."""
