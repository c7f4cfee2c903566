"""The forms that a fusion network can have, and how one is built or restored."""

from collections.abc import Mapping

import torch
from torch import Tensor

from brainray.errors import NetworkError
from brainray.fusion.coordinated import CoordinatedNetwork
from brainray.fusion.genome import Wiring
from brainray.fusion.joint import JointNetwork
from brainray.fusion.network import FusionNetwork, TapScale

FORMS: dict[str, type[FusionNetwork]] = {
    "joint": JointNetwork,
    "coordinated": CoordinatedNetwork,
}
"""The kinds of fusion network, by the name of their representation."""


def build(
    wiring: Wiring,
    scales: Mapping[tuple[str, str], TapScale],
    temperatures: Mapping[str, float],
    prior_C: Tensor,
    hidden: int,
    generator: torch.Generator,
) -> FusionNetwork:
    """Build the untrained network that a wiring asks for; arguments as `FusionNetwork`."""
    form = FORMS[wiring.representation]
    return form(wiring, scales, temperatures, prior_C, hidden, generator)


def restore(
    wiring: Wiring, temperatures: Mapping[str, float], state: Mapping[str, Tensor]
) -> FusionNetwork:
    """Build the network around a stored ``state_dict``, ready to compute.

    Raises:
        NetworkError: the state is not that of this wiring.
    """
    try:
        scales = {
            (name, tap): TapScale(
                state[f"mean_{number}_{name}"], state[f"deviation_{number}_{name}"]
            )
            for number, level in enumerate(wiring.levels)
            for name, tap in level.taps.items()
        }
        hidden = next(
            value.shape[1]
            for key, value in state.items()
            if key.startswith("classifier") and key.endswith(".weight")
        )
        network = build(wiring, scales, temperatures, state["prior"], hidden, torch.Generator())
        network.load_state_dict(dict(state))
    except (KeyError, RuntimeError, StopIteration) as error:
        reason = " ".join(str(error).split())
        raise NetworkError(f"fusion network: its weights do not fit: {reason}") from error
    return network.eval()
