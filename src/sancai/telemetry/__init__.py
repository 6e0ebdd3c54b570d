"""What a run tells: metrics for programs, progress for people."""

from sancai.telemetry.metrics import MetricsFile, read_metrics

__all__ = ["MetricsFile", "read_metrics"]
