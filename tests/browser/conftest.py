"""One running site for all tests that go through it in a browser, each as a visitor of its own."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import need_chromium
from tests.processes import Stack


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site with a worker and the starter model."""
    need_chromium()
    folder = tmp_path_factory.mktemp("site")
    with Stack(folder / "data", logs=folder) as stack:
        stack.manage("migrate", "--verbosity", "0")
        stack.manage("collectstatic", "--noinput", "--verbosity", "0")
        stack.manage("register_starter")
        stack.start_redis()
        stack.start_worker(queues="inference,data")
        _process, url = stack.start_web()
        yield url
