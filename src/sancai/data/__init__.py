"""Training data: the seam that every data set fits (`dataset`), characters composed on the fly, folders of text."""

from sancai.data.dataset import Dataset, DatasetConfig, Task

__all__ = ["Dataset", "DatasetConfig", "Task"]
