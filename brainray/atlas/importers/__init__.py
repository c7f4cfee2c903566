"""Readers of the atlases that users have; each is found by name through ``brainray.atlases``."""
