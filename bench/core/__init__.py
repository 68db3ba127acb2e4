"""The nouns of a benchmark: noise, data set, cell, record, and the errors.

Everything else in this package is a step from one of these to the next. This room imports
nothing else of the project and no numerical library, so that `bench --help` stays quick: where
a function needs NumPy, it imports it itself.
"""

from typing import TYPE_CHECKING

from bench.core.cell import (
    ESTIMATED,
    IDENTITY,
    MATCHED,
    Cell,
    TuneOn,
    canonical_json,
    cell_key,
    digest,
    method_label,
    told_factor,
)
from bench.core.dataset import (
    MEASURED_BYTES,
    SAMPLE_SIDE,
    SPLITS,
    Dataset,
    Group,
    ImagePairs,
    Labelled,
    Split,
    middle,
)
from bench.core.errors import (
    BenchError,
    DataError,
    MissingPackage,
    StorageError,
    Unsupported,
    UsageError,
    nearest,
    system_reason,
)
from bench.core.metric import (
    DEFAULT_SCALES,
    ESTIMATED_SCALES,
    RESERVED,
    Perturbed,
    Restoration,
    Scale,
)
from bench.core.noise import Draws, Noise, TrainNoise, expect_level
from bench.core.noise_level import estimate_sigma
from bench.core.paths import cache_folder, expanded, without_folders, without_home
from bench.core.pixels import image_digests
from bench.core.plugin_noise import BadNoise, PluginNoise, keep_code
from bench.core.protocol import CONVENTIONS, PROTOCOL_VERSION, PSNR_CAP
from bench.core.record import Fit, Phase, Progress, Record, Status
from bench.core.text import (
    counted,
    duration,
    duration_text,
    level_text,
    markdown_code,
    markdown_text,
    noise_name,
    noise_text,
    prefixed,
    printable,
    shown,
    significant,
    speed_text,
    typed_text,
    typed_value,
    visible,
)
from bench.core.threads import in_threads
from bench.core.value_range import UNIT_RANGE, Range

if TYPE_CHECKING:
    from bench.core.dataset import Array as Array
    from bench.core.dataset import Labels as Labels
    from bench.core.dataset import MeasuredSplit as MeasuredSplit
    from bench.core.dataset import Units as Units
    from bench.core.dataset import Values as Values

__all__ = [
    "CONVENTIONS",
    "DEFAULT_SCALES",
    "ESTIMATED",
    "ESTIMATED_SCALES",
    "IDENTITY",
    "MATCHED",
    "MEASURED_BYTES",
    "PROTOCOL_VERSION",
    "PSNR_CAP",
    "RESERVED",
    "SAMPLE_SIDE",
    "SPLITS",
    "UNIT_RANGE",
    "BadNoise",
    "BenchError",
    "Cell",
    "DataError",
    "Dataset",
    "Draws",
    "Fit",
    "Group",
    "ImagePairs",
    "Labelled",
    "MissingPackage",
    "Noise",
    "Perturbed",
    "Phase",
    "PluginNoise",
    "Progress",
    "Range",
    "Record",
    "Restoration",
    "Scale",
    "Split",
    "Status",
    "StorageError",
    "TrainNoise",
    "TuneOn",
    "Unsupported",
    "UsageError",
    "cache_folder",
    "canonical_json",
    "cell_key",
    "counted",
    "digest",
    "duration",
    "duration_text",
    "estimate_sigma",
    "expanded",
    "expect_level",
    "image_digests",
    "in_threads",
    "keep_code",
    "level_text",
    "markdown_code",
    "markdown_text",
    "method_label",
    "middle",
    "nearest",
    "noise_name",
    "noise_text",
    "prefixed",
    "printable",
    "shown",
    "significant",
    "speed_text",
    "system_reason",
    "told_factor",
    "typed_text",
    "typed_value",
    "visible",
    "without_folders",
    "without_home",
]
