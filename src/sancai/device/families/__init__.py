"""Chip families, one record per file."""
