"""The store on each kind of object root."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store


@pytest.fixture(params=["folder", "s3", "gcs"])
def any_store(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Store]:
    """An empty store on a folder, on S3 and on Google Cloud Storage."""
    if request.param != "folder":
        settings = replace(settings, root=request.getfixturevalue(f"{request.param}_root"))
    with Store.open(settings) as opened:
        yield opened
