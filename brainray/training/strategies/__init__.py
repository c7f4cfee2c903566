"""Synchronisation rules, one file each, as pure functions of what workers exchange."""
