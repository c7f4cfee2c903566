"""The calibrated evidence of unimodal networks, which every fusion network starts from.

Networks that err independently given the class combine as
``log p(c | all) = log p(c) + sum over inputs of [log p(c | input) - log p(c)] + constant``
(naive Bayes). The bracket is an input's evidence; it is 0 for an input that is missing. Each
network's confidence is calibrated by one temperature (Guo et al., ICML 2017).
"""

import torch
from torch import Tensor
from torch.nn import functional

from brainray.fusion.bank import FeatureBank

LOG_TEMPERATURES = (-1.5, 3.0)
"""The range searched, as natural logarithms: temperatures of 0.2 to 20."""


def log_prior(target_N: Tensor, classes: int) -> Tensor:
    """Return the log share of each class, shape `(C,)`; counts start from one."""
    counts = torch.bincount(target_N, minlength=classes).double() + 1
    return (counts / counts.sum()).log()


def answers_alone(bank: FeatureBank, prior_C: Tensor) -> Tensor:
    """Return which class a model alone names for every row of its bank, int64 `(N,)`.

    Where its input is missing it can only name the most frequent class.

    Args:
        bank: of the model.
        prior_C: log share of each class.
    """
    return torch.where(bank.present[:, None], bank.logits, prior_C.float()).argmax(dim=1)


def temperature(logits_NC: Tensor, target_N: Tensor) -> float:
    """Return the temperature that minimises the cross-entropy of ``logits / temperature``.

    Args:
        logits_NC: of samples that the network was not trained on, at least one.
        target_N: their classes.
    """
    from scipy.optimize import minimize_scalar  # long to import, and a search calibrates nothing

    logits = logits_NC.double()

    def cross_entropy(log_temperature: float) -> float:
        scaled = logits / torch.tensor(log_temperature).exp()
        return float(functional.cross_entropy(scaled, target_N))

    best = minimize_scalar(cross_entropy, bounds=LOG_TEMPERATURES, method="bounded")
    return float(torch.tensor(best.x).exp())


def evidence(logits_NC: Tensor, degrees: float, prior_C: Tensor, present_N: Tensor) -> Tensor:
    """Return an input's evidence ``log p(c | input) - log p(c)``, shape `(N, C)`.

    Args:
        logits_NC: of the unimodal network.
        degrees: its temperature.
        prior_C: log share of each class.
        present_N: whether each sample has this input; its evidence is 0 otherwise.
    """
    log_probabilities = functional.log_softmax(logits_NC / degrees, dim=1)
    return (log_probabilities - prior_C) * present_N[:, None]
