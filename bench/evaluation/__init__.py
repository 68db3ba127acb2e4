"""How one cell is measured: fit, tune, denoise, score."""
