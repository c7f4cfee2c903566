"""The research base: which sub-regions of the brain a scenario excites, on real brain data."""
