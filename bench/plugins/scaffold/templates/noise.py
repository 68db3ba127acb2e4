"""my_noise: one line that says what it is; `bench noises` shows it.

Try it:    bench run --plugin my_noise.py --noise my-noise:0.2
Check it:  bench test my-noise --plugin my_noise.py
"""

from bench import noise


# unit: what a level is, as messages say it.
# highest: of the levels, all of which are over 0.
# photons: True where a level counts photons, so that a higher one is less noise.
# reference: the paper, as a table would cite it ("none" if there is none).
@noise(unit="standard deviation at white", highest=1.0, reference="none")
class MyNoise:
    """Noise in rows: each row of an image is brighter or darker as a whole.

    Images are float32 (N, C, H, W), white = 1: NumPy's arrays where they
    are tested, torch's tensors where a network is trained. So use arithmetic that both have.
    In training self.level may be a tensor (N, 1, 1, 1), each image's own: no if, no math.sqrt.
    """

    # The one number that is typed, as in my-noise:0.2. Constants stand here too, with values.
    level: float

    def add(self, clean, draws):
        """The noisy images; they may leave [0, 1].

        Take random numbers from draws alone, of the images' shape: draws.normal(),
        draws.uniform(), draws.poisson(mean), draws.gamma(shape). A second, independent field is
        draws.normal(1). The same call gives the same numbers. Let no image influence another's.
        """
        rows = draws.normal()[..., :1]  # the same for all pixels of a row
        return clean + self.level * clean * rows

    def std(self, clean):
        """The standard deviation of a noisy pixel, given its clean value."""
        return self.level * clean

    # Where the mean of a noisy pixel is not its clean value, say it:
    # def mean(self, clean):
    #     return clean
