"""Sancai (三彩): one open model that writes, draws and films, on any chip."""
