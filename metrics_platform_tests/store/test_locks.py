"""Locks that nothing depends on."""

from dataclasses import replace

import pytest

from metrics_platform.core.errors import StoreUnavailableError
from metrics_platform.core.settings import Settings
from metrics_platform.store.locks import alone, in_turn
from metrics_platform.store.postgres import Postgres


def test_where_there_is_no_postgres_a_lock_says_so(settings: Settings) -> None:
    nowhere = replace(settings, postgres="postgresql://nobody@127.0.0.1:1/nothing")
    postgres = Postgres.connect(nowhere, patience_s=0.0)

    for lock in (alone, in_turn):
        with pytest.raises(StoreUnavailableError, match="has not answered"), lock(postgres, 1):
            pytest.fail("there is nothing that could be held")
