"""The metric library against the field's tools, in one run: same input, equal results, then times.

Its parts can be run by themselves: detection, tracking, safety_sumo, growth. Peers have
environments of their own, which `make bench-peers` installs.
"""

from benchmarks import detection, growth, safety_sumo, tracking

PARTS = (detection, tracking, safety_sumo, growth)


def run() -> dict[str, float]:
    figures: dict[str, float] = {}
    for part in PARTS:
        figures |= part.run()
    return figures
