"""Gaussian filter of scikit-image."""

from benchopt import BaseSolver
from skimage.filters import gaussian


class Solver(BaseSolver):
    name = "gaussian"
    requirements = ["scikit-image"]
    sampling_strategy = "run_once"

    def set_objective(self, noisy, sigma):
        self.noisy, self.sigma = noisy, sigma

    def run(self, _):
        self.denoised = [gaussian(image, sigma=1.0) for image in self.noisy]

    def get_result(self):
        return dict(denoised=self.denoised)
