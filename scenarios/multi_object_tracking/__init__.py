"""Multi-object tracking (paper 4.1)."""
