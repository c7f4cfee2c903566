"""How good tracks are: idf1, mota, motp, switches and HOTA, as MOTChallenge counts them."""

from brainray.tracking.scores.score import Scores, overall, score

__all__ = ["Scores", "overall", "score"]
