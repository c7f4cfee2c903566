"""The public homes of the data sets that `brainray data get` can fetch."""

from brainray.datasets.homes import esc10, fsdd, mnist
from brainray.datasets.homes.interface import Home

HOMES: dict[str, Home] = {home.name: home for home in (mnist.HOME, fsdd.HOME, esc10.HOME)}

PARTS: dict[str, tuple[str, ...]] = {"audio_visual_digits": ("mnist", "fsdd", "esc10")}
"""What a ready data set is made of, if it is made of files with a home."""
