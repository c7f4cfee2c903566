"""What the paper (Lü et al., 2022) reports for audio-visual digits, in percent."""

UNIMODAL = {
    "image": {
        "lenet3": (52.52, 0.24),
        "lenet5": (54.17, 0.58),
        "mediumnet": (53.63, 0.16),
        "sparsenet": (26.44, 2.24),
    },
    "audio": {
        "lenet3": (67.86, 1.49),
        "lenet5": (95.50, 0.23),
        "mediumnet": (97.14, 0.14),
        "sparsenet": (48.36, 6.52),
    },
}
"""Table 7: mean and standard deviation of the pretrained networks."""

FUSED = {
    ("lenet3", "lenet5"): 95.45,
    ("lenet3", "sparsenet"): 68.60,
    ("lenet3", "mediumnet"): 52.18,
    ("lenet5", "lenet3"): 73.83,
    ("lenet5", "sparsenet"): 69.98,
    ("lenet5", "mediumnet"): 54.06,
    ("sparsenet", "lenet3"): 63.52,
    ("sparsenet", "lenet5"): 93.11,
    ("sparsenet", "mediumnet"): 47.35,
    ("mediumnet", "lenet3"): 74.40,
    ("mediumnet", "lenet5"): 93.86,
    ("mediumnet", "sparsenet"): 62.03,
}
"""Table 8: image network x audio network; of the four pairs of equals it says nothing."""
