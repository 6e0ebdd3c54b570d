"""What the stand-in knows of operators: which it refuses."""
