"""The names by which the actors are found on a cluster."""

NAMESPACE = "brainray"
COORDINATOR = "coordinator"


def region_name(region: str) -> str:
    """Return the name of a region's actor."""
    return f"region-{region}"
