"""Which of several topics becomes a signal."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from metrics_platform.readers._mcap_file import Channel
from metrics_platform.readers.config import ReaderConfig


def chosen(
    channels: Sequence[Channel],
    configured: Sequence[str],
    defaults: Sequence[str],
    config: ReaderConfig,
    *,
    schemas: Sequence[str] = (),
    only_matching: bool = False,
) -> list[Channel]:
    """Return the channels that fit, the best first.

    Those without a message come last. Then the earliest matching pattern decides, then the
    schema, then the number of messages, then the name.

    Args:
        channels: Of schemas that fit.
        configured: Patterns from the configuration; if any, only what matches one is taken.
        defaults: Patterns otherwise; what matches none is taken last.
        config: Its ignored topics are left out, unless patterns are configured.
        schemas: In order of preference.
        only_matching: Leave out what matches no default pattern, too.
    """
    patterns = configured or defaults
    ranked = []
    for channel in channels:
        rank = _rank(channel.topic, patterns)
        unmatched = rank == len(patterns)
        if unmatched and (configured or only_matching):
            continue
        if not configured and _rank(channel.topic, config.ignored) < len(config.ignored):
            continue
        schema_rank = schemas.index(channel.schema) if schemas else 0
        order = (not channel.message_count, rank, schema_rank, -channel.message_count)
        ranked.append((*order, channel.topic, channel))
    return [channel for *_, channel in sorted(ranked, key=lambda item: item[:-1])]


def source_of(channel: Channel, config: ReaderConfig) -> str:
    """Return what made the tracks on a topic."""
    for pattern, source in config.sources:
        if fnmatchcase(channel.topic.lower(), pattern.lower()):
            return source
    return "tracker"


def _rank(topic: str, patterns: Sequence[str]) -> int:
    for rank, pattern in enumerate(patterns):
        if fnmatchcase(topic.lower(), pattern.lower()):
            return rank
    return len(patterns)
