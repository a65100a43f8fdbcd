"""What deploy/ says is loaded by Dagster for real, and its files agree with one another."""

import importlib.util
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, job, op
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.instance.ref import InstanceRef
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.scheduler.instigation import TickStatus
from dagster_gcp.gcs import GCSComputeLogManager
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job
from dagster_postgres import PostgresRunStorage, PostgresScheduleStorage
from dagster_shared.yaml_utils import load_yaml_from_path

from metrics_platform.core.settings import load_settings
from metrics_platform.orchestration.event_log import PooledPostgresEventLogStorage
from metrics_platform.orchestration.run_sizes import BACKGROUND

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
VALUES = (DEPLOY / "values.yaml").read_text(encoding="utf-8")
HOME = "/opt/metrics-platform"
BUCKET = "compute-logs"
NAMESPACE = "metrics"
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "test",
    "clusters": [{"name": "test", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "test", "user": {"token": "none"}}],
    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
}


def _yaml(name: str) -> Any:
    return load_yaml_from_path(str(DEPLOY / name))


def _environment_names(node: Any) -> set[str]:
    """Return the variables that `env:` sources anywhere in a dagster.yaml name."""
    if isinstance(node, list):
        return set().union(*map(_environment_names, node))
    if not isinstance(node, dict):
        return set()
    if set(node) == {"env"} and isinstance(node["env"], str):
        return {node["env"]}
    return set().union(*map(_environment_names, node.values()))


@pytest.fixture(scope="module")
def google_storage() -> Iterator[str]:
    """An emulator by itself: the one that other tests use speaks only what obstore does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    start = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host", "127.0.0.1"]
    with subprocess.Popen(
        [*start, "--port", str(port), "--in-memory", "--default-bucket", BUCKET],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            for _ in range(300):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


@pytest.fixture
def instance(
    empty_database: sa.URL, google_storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    """Load deploy/dagster.yaml; only where the cluster is differs, for there is none."""
    database = empty_database.set(drivername="postgresql+psycopg2").render_as_string(False)
    # The event log sets it, for good; here it is to be taken back.
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    monkeypatch.setenv("METRICS_PLATFORM_DAGSTER_POSTGRES", database)
    monkeypatch.setenv("DAGSTER_COMPUTE_LOGS_BUCKET", BUCKET)
    monkeypatch.setenv("DAGSTER_K8S_PIPELINE_RUN_NAMESPACE", NAMESPACE)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", google_storage)
    configuration = _yaml("dagster.yaml")
    # JSON is YAML too.
    (tmp_path / "kubeconfig").write_text(json.dumps(KUBECONFIG))
    configuration["run_launcher"]["config"] |= {
        "load_incluster_config": False,
        "kubeconfig_file": str(tmp_path / "kubeconfig"),
    }
    (tmp_path / "dagster.yaml").write_text(json.dumps(configuration))
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path))) as loaded:
        yield loaded


@op
def _say() -> None:
    sys.stdout.write("computed\n")


@job
def _saying() -> None:
    _say()


def test_the_instance_is_what_the_file_says(instance: DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, PooledPostgresEventLogStorage)
    assert isinstance(instance.run_storage, PostgresRunStorage)
    assert isinstance(instance.schedule_storage, PostgresScheduleStorage)
    assert isinstance(instance.compute_log_manager, GCSComputeLogManager)
    assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    limits = {limit["key"]: limit["limit"] for limit in queue.tag_concurrency_limits}
    assert set(limits) == {"dagster/backfill", *BACKGROUND}
    # What is left is for new logs.
    assert sum(limits.values()) < queue.max_concurrent_runs == 20
    assert instance.run_monitoring_enabled
    assert instance.run_retries_enabled
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled
    retention = instance.get_tick_retention_settings(InstigatorType.SENSOR)
    assert retention[TickStatus.SKIPPED] == 1


def test_a_run_on_it_keeps_its_events_and_its_output(instance: DagsterInstance) -> None:
    result = _saying.execute_in_process(instance=instance)
    assert result.success
    stored = instance.get_run_by_id(result.run_id)
    assert stored is not None
    assert stored.status is DagsterRunStatus.SUCCESS
    captured = [
        event.dagster_event.logs_captured_data.file_key
        for event in instance.all_logs(result.run_id)
        if event.dagster_event and event.dagster_event.event_type_value == "LOGS_CAPTURED"
    ]
    assert len(captured) == 1
    logs = instance.compute_log_manager.get_log_data([result.run_id, "compute_logs", captured[0]])
    assert b"computed" in (logs.stdout or b"")


def test_a_run_is_a_pod_of_the_image_with_the_secrets(instance: DagsterInstance) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, K8sRunLauncher)
    assert launcher.job_namespace == NAMESPACE
    run = DagsterRun(job_name="metrics")
    context = K8sContainerContext.create_for_run(run, launcher, include_run_tags=True)
    pod = construct_dagster_k8s_job(
        context.get_k8s_job_config("REGISTRY/metrics-platform:TAG", launcher),
        args=["dagster", "api", "execute_run"],
        job_name="dagster-run-1",
        user_defined_k8s_config=context.run_k8s_config,
    ).to_dict()["spec"]
    assert pod["ttl_seconds_after_finished"] == 3600
    spec = pod["template"]["spec"]
    container = spec["containers"][0]
    assert container["image"] == "REGISTRY/metrics-platform:TAG"
    assert container["resources"]["limits"] == {"memory": "4Gi"}
    assert container["security_context"]["allow_privilege_escalation"] is False
    secrets = [source["secret_ref"]["name"] for source in container["env_from"]]
    assert secrets == ["metrics-platform"]
    homes = [entry["value"] for entry in container["env"] if entry["name"] == "DAGSTER_HOME"]
    assert homes == [HOME]
    assert spec["service_account_name"] == _yaml("values.yaml")["global"]["serviceAccountName"]
    assert spec["security_context"]["run_as_non_root"] is True


def _pods(values: Any) -> list[Any]:
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    return [values["dagsterWebserver"], values["dagsterDaemon"], deployment]


def test_all_pods_have_one_image_one_home_one_user_and_the_secret() -> None:
    pods = _pods(_yaml("values.yaml"))
    user = re.findall(r"^USER (\d+):", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"DAGSTER_HOME=(\S+)", DOCKERFILE) == [HOME]
    assert f" {HOME}/dagster.yaml\n" in DOCKERFILE
    for pod in pods:
        assert pod["image"] == pods[0]["image"]
        assert pod["env"] == [{"name": "DAGSTER_HOME", "value": HOME}]
        assert pod["envSecrets"] == [{"name": "metrics-platform"}]
        assert pod["podSecurityContext"]["runAsNonRoot"] is True
        assert [str(pod["podSecurityContext"]["runAsUser"])] == user


def test_the_secret_has_all_that_the_instance_and_the_platform_read() -> None:
    given = set(re.findall(r"--from-literal=(\w+)=", VALUES))
    read = _environment_names(_yaml("dagster.yaml"))
    # The chart itself tells every pod of its namespace.
    assert read - given == {"DAGSTER_K8S_PIPELINE_RUN_NAMESPACE"}
    assert {"METRICS_PLATFORM_POSTGRES", "METRICS_PLATFORM_ROOT"} <= given
    settings = load_settings(dict(re.findall(r"--from-literal=(METRICS_\w+)=(\S+)", VALUES)))
    assert settings.root == "gs://BUCKET/PREFIX"


def test_the_web_server_is_probed_where_it_listens() -> None:
    server = _yaml("values.yaml")["dagsterWebserver"]
    assert server["readinessProbe"]["httpGet"]["port"] == server["service"]["port"] > 1024


def test_the_code_location_is_that_of_the_workspace() -> None:
    workspace: Any = load_yaml_from_path(str(ROOT / "workspace.yaml"))
    module = workspace["load_from"][0]["python_module"]["module_name"]
    (deployment,) = _yaml("values.yaml")["dagster-user-deployments"]["deployments"]
    # Or else runs would have the little memory of the code location.
    assert deployment["includeConfigInLaunchedRuns"] == {"enabled": False}
    assert deployment["dagsterApiGrpcArgs"] == ["--module-name", module]
    assert importlib.util.find_spec(module) is not None


# What the sections of the chart accept; it refuses other keys of web server and daemon.
_OF_A_POD = frozenset(
    {
        "image", "env", "envConfigMaps", "envSecrets", "labels", "volumes", "volumeMounts",
        "annotations", "nodeSelector", "affinity", "tolerations", "podSecurityContext",
        "securityContext", "resources", "readinessProbe", "livenessProbe", "startupProbe",
        "schedulerName",
    }
)  # fmt: skip
_OF_THE_CHART = {
    "dagsterWebserver": _OF_A_POD | {"replicaCount", "service", "workspace", "enableReadOnly"},
    "dagsterDaemon": _OF_A_POD | {"enabled", "runCoordinator", "runMonitoring", "runRetries"},
    "dagster-user-deployments": {"enabled", "enableSubchart", "imagePullSecrets", "deployments"},
    "global": {"serviceAccountName", "dagsterHome", "postgresqlSecretName"},
    "serviceAccount": {"create", "name", "annotations"},
    "runLauncher": {"type", "config"},
    "postgresql": {
        "enabled", "image", "postgresqlHost", "postgresqlUsername", "postgresqlPassword",
        "postgresqlDatabase", "postgresqlParams", "postgresqlScheme", "service",
    },
    "telemetry": {"enabled"},
}  # fmt: skip


def test_the_values_are_ones_that_the_chart_knows() -> None:
    values = _yaml("values.yaml")
    flags = {"generatePostgresqlPasswordSecret", "generateCeleryConfigSecret"}
    assert set(values) - flags == set(_OF_THE_CHART)
    for section, known in _OF_THE_CHART.items():
        assert set(values[section]) <= known, section
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    own = {"name", "port", "dagsterApiGrpcArgs", "includeConfigInLaunchedRuns"}
    assert set(deployment) <= _OF_A_POD | own
    assert values["postgresql"]["enabled"] is False


def test_the_image_is_built_from_files_that_are_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert {"pyproject.toml", "metrics_platform", "deploy/dagster.yaml", "LICENSE"} <= sources
    # The lock is written by `make lock`.
    missing = {source for source in sources if not (ROOT / source).exists()}
    assert missing <= {"requirements.lock"}
