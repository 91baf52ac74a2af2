"""The trained model: exported to ONNX, verified, described and made smaller."""
