"""Where the tests find real recordings, which no licence lets the project carry."""

import os
from pathlib import Path

import pytest

_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"


def data_path(*parts: str) -> Path:
    """Return the file or folder `parts` among the real recordings.

    They are in the folder that `METRICS_PLATFORM_TEST_DATA` names, or in `../shared/data` beside
    the checkout. Without them the calling test is skipped; under continuous integration, where
    nobody would notice the skip, it fails.
    """
    root = Path(os.environ.get("METRICS_PLATFORM_TEST_DATA") or _BESIDE_THE_CHECKOUT)
    path = root.joinpath(*parts)
    if not path.exists():
        message = (
            f"no real recording at {path}; METRICS_PLATFORM_TEST_DATA names the folder with them"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path
