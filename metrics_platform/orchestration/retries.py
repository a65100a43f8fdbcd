"""A step whose surroundings fail is tried again, later and later; one that is wrong is not.

Postgres and the object stores are asked again for a minute by the store itself; this is for what
takes longer: a database that fails over, a bucket that throttles, a disk that is full.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Backoff, Jitter, RetryPolicy, RetryRequested
from sqlalchemy.exc import OperationalError

from metrics_platform.core.errors import StoreUnavailableError

# After about 15, 45 and 105 s.
TRANSIENT = RetryPolicy(
    max_retries=3, delay=15, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS
)


@contextmanager
def transient_faults_retried(attempts_before: int) -> Iterator[None]:
    """Have Dagster try the step again where the store, a disk or a network folder is at fault.

    Only these, and Dagster's database: what a log or a metric does wrong is an outcome, and a fault
    of our own, or a file that isn't there or may not be read, would be the same each time. Results
    that are committed already are found to be unchanged.

    Args:
        attempts_before: How often the step was tried in this run, as its context has it.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except (StoreUnavailableError, OSError, OperationalError) as error:
        raise RetryRequested(
            max_retries=TRANSIENT.max_retries,
            seconds_to_wait=max(0.0, TRANSIENT.calculate_delay(attempts_before + 1)),
        ) from error
