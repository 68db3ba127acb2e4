"""Image files: a format a file, each read by one well-kept library."""

from bench.datasets.formats.stored import Stored, UnusableImage

__all__ = ["Stored", "UnusableImage"]
