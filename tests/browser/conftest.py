"""One Chromium for every test that looks at pages."""

import shutil
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip


@pytest.fixture(scope="session")
def chromium_options() -> dict[str, Any]:
    """Return how Playwright starts the Chromium of this machine."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")
    return {"executable_path": found, "headless": True, "args": ["--no-sandbox", *QUIET]}
