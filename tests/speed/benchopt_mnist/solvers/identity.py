"""Identity: the noisy image."""

from benchopt import BaseSolver


class Solver(BaseSolver):
    name = "identity"
    requirements = ["numpy"]
    sampling_strategy = "run_once"

    def set_objective(self, noisy, sigma):
        self.noisy, self.sigma = noisy, sigma

    def run(self, _):
        self.denoised = [image for image in self.noisy]

    def get_result(self):
        return dict(denoised=self.denoised)
