"""The store's objects as DuckDB and pyiceberg want to have them."""

from obstore.fsspec import FsspecStore

_CLIENT = {"allow_http": True}


def file_system(scheme: str) -> FsspecStore:
    """Return the objects of `s3` or `gs`: same client and same credentials as the store has."""
    made: FsspecStore = FsspecStore(scheme, client_options=_CLIENT)  # type: ignore[call-overload]
    return made
