"""Audio-visual digits (paper 4.2)."""
