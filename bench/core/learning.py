"""What a method learned from, in the words of its declaration, of manifests and of tables."""

from typing import Literal

#: What a method is to its reader: a filter learns nothing; "fitted" takes statistics of the
#: training images; "trained" is a network trained here, "pretrained" one trained elsewhere.
Family = Literal["filter", "fitted", "trained", "pretrained"]
#: What a method learns from: "clean" images, for which noise is drawn, or that came with noisy
#: ones; "pairs" of noisy images of each scene; "noisy" images, one of each scene; "none".
Supervision = Literal["clean", "pairs", "noisy", "none"]
