"""`python -m benchmarks NAME`: run one benchmark, or `all` of them, each part once.

Each prints a table and writes its figures, a flat name-to-number JSON, to build/bench/NAME.json.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path

import benchmarks
from benchmarks.metrics import PARTS

_RESULTS = Path("build/bench")


def main() -> None:
    known = [
        m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_")
    ]
    parts = {part.__name__.rpartition(".")[2] for part in PARTS}
    whole = [name for name in known if name not in parts]
    wanted = whole if sys.argv[1:] in ([], ["all"]) else sys.argv[1:]
    if unknown := sorted(set(wanted) - set(known)):
        sys.exit(f"no benchmark named {unknown[0]!r}; there are: {', '.join(known)}")
    for name in wanted:
        figures = importlib.import_module(f"benchmarks.{name}").run()
        _RESULTS.mkdir(parents=True, exist_ok=True)
        (_RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
        width = max(len(figure) for figure in figures)
        print(f"\n{name}")
        for figure, value in figures.items():
            print(f"  {figure:<{width}}  {value:>12,.3f}")


if __name__ == "__main__":
    main()
