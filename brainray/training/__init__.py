"""Training: the loop, its metrics, and the synchronisation strategies."""
