"""How much generated tests try: a short profile, and more where `FACEROUTE_EXAMPLES` says so."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings

LONGEST_ANSWER = 10.0  # seconds


def examples(usual: int = 20) -> int:
    """How many a test tries, of which it usually tries so many."""
    return int(os.environ.get("FACEROUTE_EXAMPLES", usual))


def thorough(usual: int = 20) -> settings:
    """The same examples in every run, for tests of a machine that may be busy."""
    return settings(
        max_examples=examples(usual),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def answered_in_time() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < LONGEST_ANSWER
