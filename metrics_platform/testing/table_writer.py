"""Writes a synthetic log as the folder of tables that the reader `tables` takes in."""

import json
from collections.abc import Sequence
from pathlib import Path

from metrics_platform.testing.synthetic_frames import Frames

_ABOUT = (
    "vehicle", "release", "place", "mission", "has_ego",
    "ego_length_m", "ego_width_m", "ego_center_offset_m",
)  # fmt: skip


def write_tables(folder: Path, frames: Frames, *, tags: Sequence[str] = ()) -> None:
    """Write one log: a Parquet file per recorded signal that has rows, and `log.json`.

    Args:
        folder: Made if it isn't there; its name is the log's.
        frames: Recorded signals of one log, as `scenario` and `with_families` make them.
        tags: Free words to find the log by.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        if name != "recordings" and not frame.is_empty():
            frame.drop("log_id").write_parquet(folder / f"{name}.parquet")
    about = frames["recordings"].select(_ABOUT).row(0, named=True)
    text = json.dumps({**about, "tags": list(tags)}, indent=2)
    (folder / "log.json").write_text(f"{text}\n", encoding="utf-8")
