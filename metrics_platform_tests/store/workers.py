"""What runs in processes of its own: `python -m metrics_platform_tests.store.workers …`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform_tests.store.builders import computed, fleet


def write_many(store: Store, worker: int, writers: int, rounds: int) -> None:
    """Write logs of one's own and, at the same time, logs that all the others write too."""

    def write(writer: int) -> None:
        for number in range(rounds):
            shift = 1_000.0 * (worker * writers + writer) + 100 * number
            store.write(computed(fleet(5, prefix=f"own-{worker}-{writer}", shift=shift)))
            store.write(computed(fleet(5, prefix="shared", shift=shift)))

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))


def main() -> None:
    task, home, root, postgres, *numbers = sys.argv[1:]
    settings = Settings(home=Path(home), root=root, postgres=postgres or None)
    with Store.open(settings) as store:
        print("open", flush=True)
        if task == "write_many":
            write_many(store, *(int(number) for number in numbers))
        elif task == "write_once":
            store.write(computed({"a": [2.0], "b": [2.0]}))
        elif task == "wait":
            sys.stdin.readline()


if __name__ == "__main__":
    main()
