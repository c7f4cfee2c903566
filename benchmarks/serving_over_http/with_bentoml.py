"""A peer: the product's own handler, mounted in a BentoML service, which is its quicker way."""

import bentoml
import torch

from brainray.catalog import Library
from brainray.settings import load_settings
from serve.apps import predict_app

torch.set_num_threads(1)


@bentoml.service(workers=1)
@bentoml.asgi_app(predict_app(Library.open(load_settings()), largest_batch=1), path="/")
class Plain:
    """Nothing but the mounted application."""
