"""The page as a person sees it, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops_ci.io.workspace import Workspace
from mlops_ci.report import html
from mlops_ci.report.collect import collect
from tests.report.test_reports import results, store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.slow
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("the package chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    workspace = store(Workspace(folder), results("a rather long column name with spaces", slices=40))
    target = folder / "report.html"
    target.write_text(html.render(collect(workspace, ["m"])), "utf-8")
    return target


def show(browser: Browser, path: Path, *, width: int, scheme: str = "light") -> tuple[Page, list[str]]:
    """The open page, and everything it complained about or asked for."""
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("request", lambda request: None if request.url.startswith("file:") else seen.append(request.url))
    page.goto(path.as_uri())
    return page, seen


@pytest.mark.parametrize("width", [390, 1100])
def test_it_fits_its_window_and_asks_for_nothing(browser: Browser, page_file: Path, width: int) -> None:
    page, seen = show(browser, page_file, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen == []
    assert page.locator("svg[role=img] desc").count() == 1


def test_tables_sort_by_a_click_and_by_the_keyboard(browser: Browser, page_file: Path) -> None:
    page, _ = show(browser, page_file, width=1100)
    table = page.locator("table.sortable").filter(has_text="carrier").first
    head = table.locator("th", has_text="rows")
    cells = table.locator("tbody td:nth-child(3)")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    ascending = [int(text.replace(",", "")) for text in cells.all_inner_texts()]
    assert ascending == sorted(ascending)
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [int(text.replace(",", "")) for text in cells.all_inner_texts()] == sorted(ascending, reverse=True)


CONTRAST = """() => {
  const luminance = ([r, g, b]) => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const c = numbers(getComputedStyle(node).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255]; };
  let worst = 99;
  for (const node of document.querySelectorAll("p, td, th, h1, h2, strong, .state, figcaption, summary")) {
    if (!node.textContent.trim()) continue;
    const [a, b] = [luminance(numbers(getComputedStyle(node).color)), luminance(ground(node))];
    worst = Math.min(worst, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
  }
  return worst; }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_in_both_themes(browser: Browser, page_file: Path, scheme: str) -> None:
    """WCAG 2 asks for a contrast of 4.5 for text."""
    page, _ = show(browser, page_file, width=1100, scheme=scheme)
    assert page.evaluate(CONTRAST) >= 4.5
