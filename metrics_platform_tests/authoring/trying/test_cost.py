"""What a block takes is measured in this process."""

import numpy as np

from metrics_platform.authoring.trying.cost import measured

MB = 1_000_000


def test_memory_that_a_block_adds_is_told_even_if_it_is_free_again() -> None:
    with measured() as large:
        held = np.ones(25 * MB)
        total = float(held.sum())
        del held
    with measured() as small:
        pass

    assert total == 25 * MB
    assert 190 * MB < large.added_bytes < 400 * MB
    assert small.added_bytes < 50 * MB
    assert small.peak_bytes >= large.peak_bytes > large.added_bytes
    assert large.seconds > small.seconds
