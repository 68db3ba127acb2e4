"""Images of one's own, denoised by a filter, or by a model of a run or of the cache."""

from bench.denoising.record import DenoisedFile
from bench.denoising.work import denoise

__all__ = ["DenoisedFile", "denoise"]
