import os
from dataclasses import replace
from pathlib import Path

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform_tests.store.faults.crew import Crew
from metrics_platform_tests.store.faults.integrity import assert_whole
from metrics_platform_tests.store.faults.proxy import FAULTS, faulty_proxy, one_in
from metrics_platform_tests.store.faults.test_kills import SOAK

SECONDS = 120 if SOAK else 10


def test_one_request_in_ten_goes_wrong_and_all_go_on(
    settings: Settings, s3_root: str, tmp_path: Path
) -> None:
    on_s3 = replace(settings, root=s3_root)
    with faulty_proxy(os.environ["AWS_ENDPOINT_URL"], one_in(10)) as (address, requests):
        others = ["compact", "collect", "read", "read"]
        environment = {k: v for k, v in os.environ.items() if k.startswith("AWS_")}
        environment["AWS_ENDPOINT_URL"] = address
        with Crew(on_s3, tmp_path / "crew", others, environment) as crew:
            for _ in range(SECONDS):
                crew.wait(1.0)
            done = crew.finish()
    print(f"\n{dict(requests.most_common())}\n{dict(done)}")
    assert {"reads", "merged"} <= {*done}
    assert {f"GET {fault}" for fault in FAULTS} <= {*requests}
    assert {f"PUT {fault}" for fault in FAULTS} <= {*requests}
    with Store.open(on_s3) as store:
        assert_whole(store, crew.journal)
