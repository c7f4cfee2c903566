"""Which sub-regions of the brain a scenario excites, and how they are connected."""
