"""What a method learned from, in the words of its declaration, of manifests and of tables."""

from typing import Literal

#: What a method is to its reader: a filter learns nothing; "fitted" takes statistics of the
#: training images; "trained" is a network trained here, "pretrained" one trained elsewhere.
Family = Literal["filter", "fitted", "trained", "pretrained"]
#: What it learned from: clean images, whose noise is drawn or came along; two noisy images of each
#: scene; noisy images alone; nothing.
Supervision = Literal["clean", "pairs", "noisy", "none"]
