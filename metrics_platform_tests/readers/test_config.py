from pathlib import Path

import pytest

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.readers.config import ReaderConfig


def test_nothing_configured_is_the_default() -> None:
    assert ReaderConfig.load(None) == ReaderConfig()


def test_a_file_takes_the_place_of_the_defaults_it_names(tmp_path: Path) -> None:
    file = tmp_path / "readers.toml"
    file.write_text('ego_poses = ["/a", "/b"]\n[sources]\n"/x" = "radar"\n"*" = "tracker"\n')
    config = ReaderConfig.load(file)
    assert config.ego_poses == ("/a", "/b")
    assert config.sources == (("/x", "radar"), ("*", "tracker"))
    assert config.fixed_frames == ReaderConfig().fixed_frames


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ego_poses =", "cannot read the reader configuration"),
        ('ego_pose = ["/a"]', "unknown key 'ego_pose'; there are: ego_poses, vehicle_speeds"),
        ('ego_poses = "/a"', "ego_poses must be a list of strings"),
        ("tracks = [1]", "tracks must be a list of strings"),
        ('sources = ["a"]', "sources must be a table"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "readers.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        ReaderConfig.load(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml"):
        ReaderConfig.load(tmp_path / "nowhere.toml")
