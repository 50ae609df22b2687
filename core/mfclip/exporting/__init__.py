"""Detectors as files of other runtimes: ONNX, OpenVINO, and folders for transformers."""
