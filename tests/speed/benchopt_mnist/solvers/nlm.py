"""Non-local means of scikit-image (fast mode)."""

from benchopt import BaseSolver
from skimage.restoration import denoise_nl_means


class Solver(BaseSolver):
    name = "nlm"
    requirements = ["scikit-image"]
    sampling_strategy = "run_once"

    def set_objective(self, noisy, sigma):
        self.noisy, self.sigma = noisy, sigma

    def run(self, _):
        self.denoised = [
            denoise_nl_means(
                image,
                patch_size=5,
                patch_distance=6,
                h=0.8 * self.sigma,
                sigma=self.sigma,
                fast_mode=True,
            )
            for image in self.noisy
        ]

    def get_result(self):
        return dict(denoised=self.denoised)
