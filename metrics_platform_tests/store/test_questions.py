"""Questions to the store that make no sense are refused: they would look like no results."""

import pytest

from metrics_platform.core.errors import NoResultsError, StoreError
from metrics_platform.store import Selection, Store
from metrics_platform_tests.store.builders import computed


def test_a_summary_of_no_such_version_names_those_there_are(store: Store) -> None:
    with pytest.raises(NoResultsError, match=r"'hard_brakes' 1\.0\.0; there are: no versions"):
        store.summary("hard_brakes", version="1.0.0")
    store.write(computed({"a": [1.0]}))

    with pytest.raises(NoResultsError, match=r"'hard_brakes' 9\.9\.9; there are: 1\.0\.0$"):
        store.summary("hard_brakes", version="9.9.9")
    assert store.summary("hard_brakes", version="1.0.0", logs=["never"]).is_empty()


def test_one_text_in_place_of_several_is_refused(store: Store) -> None:
    store.write(computed({"a": [1.0]}))

    # Letters of it would be looked for: "a" would be found, "abc" would not.
    for read in (store.scan, store.outcomes, store.summary):
        with pytest.raises(StoreError, match=r"got the text 'a': use \['a'\]"):
            read("hard_brakes", logs="a")
    for name in ("releases", "vehicles", "places", "missions", "tags"):
        with pytest.raises(StoreError, match=r"got the text 'night': use \['night'\]"):
            Selection(**{name: "night"})  # type: ignore[arg-type]
