"""Denoising objective: mean MSE, PSNR and SSIM over the test images."""

import numpy as np
from benchopt import BaseObjective
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity


class Objective(BaseObjective):
    name = "Image denoising"
    min_benchopt_version = "1.7"
    requirements = ["numpy", "scikit-image"]
    sampling_strategy = "run_once"

    def set_data(self, clean, noisy, sigma):
        self.clean, self.noisy, self.sigma = clean, noisy, sigma

    def get_objective(self):
        return dict(noisy=self.noisy, sigma=self.sigma)

    def get_one_result(self):
        return dict(denoised=self.noisy)

    def evaluate_result(self, denoised):
        mse, psnr, ssim = [], [], []
        for clean, output in zip(self.clean, denoised):
            output = np.clip(output, 0, 1)
            mse.append(mean_squared_error(clean, output))
            psnr.append(peak_signal_noise_ratio(clean, output, data_range=1))
            ssim.append(
                structural_similarity(
                    clean,
                    output,
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                    data_range=1.0,
                )
            )
        return dict(value=np.mean(mse), psnr=np.mean(psnr), ssim=np.mean(ssim))
