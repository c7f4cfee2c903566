"""A network cut into stages, one a worker, for one that is too large for a worker."""
