"""Training metrics as JSON lines."""

from sancai.telemetry.metrics import MetricsFile, read_metrics

__all__ = ["MetricsFile", "read_metrics"]
