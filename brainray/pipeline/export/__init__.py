"""A stored model as one ONNX file, and as a model card."""
