"""Any denoiser of the deepinv library, pretrained where it has weights."""

import difflib
import functools
import inspect
import warnings

import numpy as np

from bench import Unsupported, method

# Images that go through a model at once.
BATCH = 32


@method(
    family="pretrained",
    reference="Tachella et al. 2025, and of each model its own",
    requires=("deepinv", "torch"),
)
def deepinv(noisy, noise, *, model="DRUNet"):
    """The denoiser `deepinv.models.MODEL` with its published weights, told sigma, on the CPU."""
    import torch

    restore = _loaded(model, noisy.shape[1])
    parts = []
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's, about itself
        for part in torch.split(torch.from_numpy(np.ascontiguousarray(noisy)), BATCH):
            try:
                parts.append(restore(part, noise.sigma).to(torch.float32).numpy())
            except (ImportError, RuntimeError, ValueError, AssertionError) as error:
                shape = "x".join(map(str, noisy.shape[1:]))
                reason = " ".join(str(error).split())
                raise Unsupported(f"{model} does not take images of {shape}: {reason}") from error
    return np.concatenate(parts)


@functools.cache
def _loaded(model, channels):
    """The model for images of so many channels, its weights downloaded once."""
    import deepinv.models as models

    known = {
        name
        for name, value in vars(models).items()
        if inspect.isclass(value) and issubclass(value, models.Denoiser)
    } - {"Denoiser"}
    if model not in known:
        near = difflib.get_close_matches(model, known, n=3, cutoff=0.5) or sorted(known)
        raise Unsupported(f"deepinv has no denoiser {model!r}: there is {', '.join(near)}")
    make = getattr(models, model)
    wanted = {"in_channels": channels, "out_channels": channels, "device": "cpu"}
    taken = inspect.signature(make).parameters
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make(**{k: v for k, v in wanted.items() if k in taken}).eval()
    except OSError as error:
        raise Unsupported(
            f"the weights of {model} cannot be downloaded ({error}): go online once, or choose a "
            "model without weights, as TVDenoiser"
        ) from error
    except (ImportError, TypeError, ValueError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise Unsupported(f"{model} cannot be made for {channels} channels: {reason}") from error
