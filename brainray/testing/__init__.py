"""Fakes for tests, ours and those of a user's package. Nothing but tests imports them."""

from brainray.testing.problems import OneMax, integer_space

__all__ = ["OneMax", "integer_space"]
