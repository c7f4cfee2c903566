"""Whether one worker may keep what the training of a network keeps."""

from torch import Tensor, nn

from brainray.errors import TrainingError
from brainray.networks.blocks import ConvChain
from brainray.networks.interface import TappedNetwork
from brainray.networks.sequence import as_sequential
from brainray.scenario.steps import PipelineOptions
from brainray.training.loop import Recipe
from brainray.training.pipeline.cutting import Flow
from brainray.training.pipeline.fitting import refuse_too_large


def check_memory(
    name: str, network: TappedNetwork, samples: Tensor, recipe: Recipe, limit: int
) -> None:
    """Refuse a network whose training needs more than a worker's limit.

    Args:
        name: of the network.
        network: whole, on this worker.
        samples: `(B, ...)`, as many as the worker computes of a batch.
        recipe: how it is to be trained.
        limit: in bytes.

    Raises:
        TrainingError: it needs more; it names limit and need, and how many stages would do.
    """
    options = PipelineOptions()
    # A network that is no chain counts as one layer, which cannot be cut.
    chain = isinstance(network, ConvChain)
    layers = as_sequential(network) if isinstance(network, ConvChain) else nn.Sequential(network)
    flow = Flow(options.microbatches, options.schedule)
    try:
        refuse_too_large(layers.train(), samples, recipe, flow, limit)
    except TrainingError as error:
        way = ", with pretraining.strategy: pipeline and as many workers" if chain else ""
        raise TrainingError(f"pretraining.memory_limit: {name}: {error}{way}") from error
