"""Which logs of a fleet a new version is tried on."""

import json
from hashlib import blake2b

import polars as pl

# The tag of logs that are always among them.
PINNED = "pinned"
_NOT_PINNED = ("false", "none", "no", "0", "")
STRATA = ("release", "place", "tag")


def sample(logs: pl.DataFrame, *, seed: int, most: int) -> pl.DataFrame:
    """Choose the pinned logs, and beside them some of each release, place and tag in turn.

    A log's rank is a hash of the seed and its id: the same logs give the same sample whatever their
    order, and most of it stays when the fleet grows.

    Args:
        logs: One row per log_id; release, place and tags (JSON) as the registry has them.
        seed: Another one gives another sample.
        most: Of the pinned logs, and of the others.

    Returns:
        One row per chosen log_id: release, place, tags (a list, without `pinned`), pinned. The
        pinned ones come first, each in the order of choice.
    """
    ranked = logs.select(
        "log_id",
        "release",
        "place",
        # There are far fewer of them than rows of any metric; Polars' own hash is another one in
        # another version.
        rank=pl.Series([_rank(seed, log_id) for log_id in logs["log_id"]], dtype=pl.UInt64),
        tags=pl.Series([_tags(text) for text in logs["tags"]], dtype=pl.List(pl.String)),
    ).with_columns(pinned=pl.col("tags").list.contains(PINNED))
    ranked = ranked.with_columns(pl.col("tags").list.filter(pl.element() != PINNED))
    others = ranked.filter(~pl.col("pinned"))
    of_stratum = pl.col("rank").rank("ordinal").over("release", "place", "tag")
    turns = (
        by_stratum(others)
        .select("log_id", turn=of_stratum)
        .group_by("log_id")
        .agg(pl.col("turn").min())
    )
    drawn = others.join(turns, on="log_id").sort("turn", "rank", "log_id")
    pinned = ranked.filter("pinned").sort("rank", "log_id")
    return pl.concat([pinned.head(most), drawn.head(most).select(pinned.columns)]).drop("rank")


def pinned(logs: pl.DataFrame) -> list[str]:
    """Return the pinned ones of `logs` (log_id, tags as JSON), sorted."""
    maybe = logs.filter(pl.col("tags").str.contains(PINNED, literal=True))
    rows = maybe.select("log_id", "tags").iter_rows()
    return sorted(log_id for log_id, text in rows if PINNED in _tags(text))


def by_stratum(sampled: pl.DataFrame) -> pl.DataFrame:
    """Return one row per log and tag, with `tag` in the place of `tags`; null where it has none."""
    return sampled.explode("tags", empty_as_null=True).rename({"tags": "tag"})


def _rank(seed: int, log_id: str) -> int:
    return int.from_bytes(blake2b(f"{seed}\0{log_id}".encode(), digest_size=8).digest())


def _tags(text: str | None) -> list[str]:
    """Return tags as words; those that have a value as `name=value`, for these tell strata."""
    tags = json.loads(text or "[]")
    if not isinstance(tags, dict):
        return sorted(set(map(str, tags)))
    pinned = [PINNED] if str(tags.pop(PINNED, None)).lower() not in _NOT_PINNED else []
    return sorted([*pinned, *(f"{name}={value}" for name, value in tags.items())])
