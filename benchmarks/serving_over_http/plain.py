"""The limit: the product's own handler in FastAPI and uvicorn, one process, without batching."""

import sys

import torch
import uvicorn

from brainray.catalog import Library
from brainray.settings import load_settings
from serve.apps import predict_app

torch.set_num_threads(1)
heads = int(sys.argv[2]) if len(sys.argv) > 2 else 256
app = predict_app(Library.open(load_settings()), largest_batch=1, heads=heads)
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
