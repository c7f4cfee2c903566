"""Training: the loop, its checkpoints and metrics, and the synchronisation strategies."""
