"""Pages in the system's Chromium; nothing is downloaded, and no request may leave the machine."""

import shutil
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: needs Playwright and Chromium; skipped where one is missing")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, headless and with a fresh profile."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("Chromium is not installed: apt install chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address. At the end no page may have complained, or asked for anything outside this machine."""
    contexts: List[Any] = []
    complaints: List[str] = []

    def heard(message: Any) -> None:
        # A refused request is the browser's to tell, and the page's to explain.
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            complaints.append(message.text)

    def requested(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "file:", "data:,")):
            complaints.append(f"asked for {request.url}")

    def opened(address: str, **options: Any) -> Any:
        contexts.append(chromium.new_context(**{"viewport": {"width": 1100, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", requested)
        page.goto(address)
        page.wait_for_selector("#layers input")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def open_outputs(open_page: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Opens the page of outputs as a file."""
    from hmtl.page import page

    def opened(outputs: List[Any], layers: Any, **options: Any) -> Any:
        file = tmp_path / "page.html"
        file.write_text(page(outputs, layers, "A page"), encoding="utf-8")
        return open_page(file.as_uri(), **options)

    return opened
