"""Sessions that the tests of the sandbox share: starting one costs 0.15 CPU seconds."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from grader.sandbox import Isolation, Limits, SandboxUnavailable, Session, best_isolation

SMALL = replace(Limits(), output_chars=2_000, image_bytes=200_000, message_bytes=8 * 2**20)


@pytest.fixture(scope="session")
def wall() -> Isolation:
    try:
        return best_isolation()
    except SandboxUnavailable as error:
        pytest.skip(str(error))


KINDS = [(kind, "") for kind in Isolation] + [(Isolation.BWRAP, "numpy")]


@pytest.fixture(scope="module", params=KINDS, ids=["bwrap", "none", "preloaded"])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    kind, preload = request.param
    if kind is Isolation.BWRAP:
        request.getfixturevalue("wall")
    with Session(kind, SMALL, preload=preload) as session:
        assert not session.preload_trouble
        yield session


@pytest.fixture(scope="module")
def walled(wall: Isolation) -> Iterator[Session]:
    with Session(wall, SMALL) as session:
        yield session
