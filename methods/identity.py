"""The noisy image itself: the line that every method must beat."""

from bench import method


@method(reference="none")
def identity(noisy):
    """Return the noisy image as it is: the line that every method must beat."""
    return noisy
