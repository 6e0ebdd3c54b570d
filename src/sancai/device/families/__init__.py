"""One small file a chip family."""
