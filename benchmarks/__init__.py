"""Speed and memory, measured against what people would use otherwise, in the same run."""

import os

# As in the image; read when Polars is imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,muzzy_decay_ms:10000")
