"""A peer: the same model behind LitServe's own API."""

import sys
from typing import Any

import litserve
import torch
from fastapi import Request

import brainray
from brainray.catalog import Library
from brainray.datasets.samples import decode_audio, decode_image
from brainray.settings import load_settings


class Fused(litserve.LitAPI):  # type: ignore[misc]
    """Decodes the files, asks the model, and gives the same JSON."""

    def setup(self, device: str) -> None:
        """Load the model of the endpoint."""
        torch.set_num_threads(1)
        endpoint = Library.open(load_settings()).endpoint(sys.argv[2])
        self.model = brainray.load(endpoint.model)

    def decode_request(self, request: Request) -> dict[str, Any]:
        """Decode the files of the form."""
        return {
            "image": decode_image(request["image"].file.read()),
            "audio": decode_audio(request["audio"].file.read()),
        }

    def predict(self, inputs: dict[str, Any]) -> Any:
        """Answer one sample."""
        return self.model(inputs)

    def encode_response(self, answer: Any) -> dict[str, Any]:
        """Return the answer as JSON values."""
        return {"label": answer.label, "probabilities": answer.probabilities}


if __name__ == "__main__":
    server = litserve.LitServer(Fused(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="error", generate_client_file=False
    )
