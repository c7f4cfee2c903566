"""The run from a scenario to a stored network, without Ray: steps, record, regions, runners."""
