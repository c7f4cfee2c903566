"""The same search under different priors, on audio-visual digits."""
