import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform_tests.store.faults.crew import SOAK, Crew
from metrics_platform_tests.store.faults.integrity import assert_whole
from metrics_platform_tests.store.faults.proxy import FAULTS, faulty_proxy, one_in

SECONDS = 120 if SOAK else 8


def test_one_request_in_ten_goes_wrong_and_all_go_on(
    settings: Settings, s3_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_s3 = replace(settings, root=s3_root)
    others = ["compact", "collect", "read", "read"]
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with faulty_proxy(environment["AWS_ENDPOINT_URL"], one_in(10)) as (address, requests):
        environment["AWS_ENDPOINT_URL"] = address
        with Crew(on_s3, tmp_path / "crew", others, environment) as crew:
            for _ in range(SECONDS):
                crew.wait(1.0)
            done = crew.finish("reads", "merged")
        with monkeypatch.context() as patched:
            patched.setenv("AWS_ENDPOINT_URL", address)
            with Store.open(on_s3) as store:
                store.gc(grace=timedelta(0), force=True)
    print(f"\n{dict(requests.most_common())}\n{dict(done)}")
    failed = {tuple(told.split(" ", 1)) for told in requests if not told.endswith(" passed")}
    assert {method for method, _ in failed} == {"GET", "PUT", "POST"}
    assert {fault for _, fault in failed} == {*FAULTS}
    with Store.open(on_s3) as store:
        assert_whole(store, crew.journal)
