"""Wavelet shrinkage of scikit-image (BayesShrink, db2)."""

from benchopt import BaseSolver
from skimage.restoration import denoise_wavelet


class Solver(BaseSolver):
    name = "wavelet"
    requirements = ["scikit-image", "pywavelets"]
    sampling_strategy = "run_once"

    def set_objective(self, noisy, sigma):
        self.noisy, self.sigma = noisy, sigma

    def run(self, _):
        self.denoised = [
            denoise_wavelet(image, sigma=self.sigma, wavelet="db2", rescale_sigma=True)
            for image in self.noisy
        ]

    def get_result(self):
        return dict(denoised=self.denoised)
