"""3x3 median filter of scikit-image."""

import numpy as np
from benchopt import BaseSolver
from skimage.filters import median


class Solver(BaseSolver):
    name = "median"
    requirements = ["numpy", "scikit-image"]
    sampling_strategy = "run_once"

    def set_objective(self, noisy, sigma):
        self.noisy, self.sigma = noisy, sigma

    def run(self, _):
        footprint = np.ones((3, 3))
        self.denoised = [median(image, footprint) for image in self.noisy]

    def get_result(self):
        return dict(denoised=self.denoised)
