"""Operators: one file each, a clear torch reference first, a faster twin beside it."""
