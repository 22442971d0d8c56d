"""Pages in a real Chromium, for the tests of the browser: import the fixtures from here."""
# ruff: noqa: F811  (fixtures are imported, and arguments have their names)

import shutil

import numpy as np
import pytest
from tests.render.test_page import report  # noqa: F401  (a fixture)

from gramax.audits.run_log import Entry
from gramax.comparison import Alignment, Comparison, Moved
from gramax.comparison.changes import change
from gramax.comparison.results import side_of
from gramax.render.page.timeline import write_timeline_page
from gramax.render.timeline_charts import tracks_of
from gramax.uncertainty.chance import Chance

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    # Skipped here and not at import: other files import this one, and must not find half of it.
    if CHROMIUM is None:
        pytest.skip("browser tests left out: there is no chromium here")
    sync_api = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright")
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def found(report):
    """A comparison with all its parts, without the computing."""
    side, rng = side_of(report, ()), np.random.default_rng(0)
    changes = {name: change(name, value, 1.1 * value, 0.01) for name, value in report.items()}
    moved = tuple(Moved(a, b, 0.1, 0.6, 0.02) for a, b in zip(side.numbers, report, strict=True))
    same = (Alignment("linear CKA", "likeness", 0.9, 0.01, Chance(0.1, 0.02, "a law")),)
    names, cosines = report.portrait.names, rng.uniform(-1, 1, (2, 4, 4))
    cosines += cosines.swapaxes(1, 2)
    return Comparison(side, side, True, changes, moved, same, ("a note",), names, cosines / 2)


@pytest.fixture
def visit(browser, tmp_path):
    """Open a page, and fail at the end for any error or request that it made."""
    problems, contexts = [], []

    def open_page(html, width=1200, scheme="light"):
        file = tmp_path / "page.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width < 500
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: line.type == "error" and problems.append(line.text))
        page.on("request", lambda request: requests.append(request.url))
        requests = []
        page.goto(file.as_uri())
        page.wait_for_selector("body[data-ready]", state="attached")
        outside = [url for url in requests if url != file.as_uri() and not url.startswith("data:")]
        problems.extend(outside)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def story(browser, tmp_path):
    """Open the page of a timeline of two runs with long names."""
    numbers = {"collapse_ratio": 0.5, "effective_rank": 3.0, "class_coherence": 0.4}
    verdict = "Classes have collapsed to a cone, badly: two of them cannot be told apart."
    entries = [Entry(10 * k, numbers, n=100, d=8, c=4, verdict=verdict) for k in range(3)]
    tracks = tracks_of({f"resnet_{k}/seed_of_the_run {k}": entries for k in range(2)})
    write_timeline_page(tracks, tmp_path / "story.html", "A run")

    def open_page(**options):
        page = browser.new_page(**options)
        page.goto((tmp_path / "story.html").as_uri())
        return page

    return open_page


def column(page, table, index):
    return page.eval_on_selector_all(
        f"#{table} tbody tr:not([hidden])", f"rows => rows.map(r => r.cells[{index}].innerText)"
    )
