"""Fakes for tests, ours and those of a user's package. Nothing but tests imports them."""

from brainray.testing.problems import OneMax, integer_space
from brainray.testing.tables import epistatic_table

__all__ = ["OneMax", "epistatic_table", "integer_space"]
