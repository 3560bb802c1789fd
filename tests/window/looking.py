"""What is wrong with a page as it is shown: by axe-core, by its width, by the keyboard, by the standard of HTML."""

from collections.abc import Iterator
from functools import cache

from playwright.sync_api import Page

from deploy.local.window_checkers import axe_source

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MOST_TABS = 400
_AXE = """async (rules) => {
  const runOnly = { type: "tag", values: rules };
  const { violations } = await axe.run(document, { runOnly, resultTypes: ["violations"] });
  const told = (v, n) => `${v.id}: ${v.help}: ${n.target.join(" ")}: ${n.html.slice(0, 160)}`;
  return violations.flatMap(v => v.nodes.map(n => told(v, n)));
}"""
_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const inside = e => { for (let p = e.parentElement; p; p = p.parentElement)
    if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(p).overflowX)) return true; return false; };
  return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 1 && !inside(e))
    .slice(0, 3).map(e => `wider than ${width}: ${e.outerHTML.slice(0, 160)}`).concat(["the page scrolls sideways"]);
}"""
# Counted in a property: a live part that comes anew takes attributes away which the server does not know.
_FOCUSABLE = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(
  e => !e.disabled && e.type !== "hidden" && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true })
    && !(e.type === "radio" && !e.checked && document.querySelector(`input[name="${CSS.escape(e.name)}"]`) !== e)
    && !(e.type === "radio" && e !== (document.querySelector(`input[name="${CSS.escape(e.name)}"]:checked`) ?? e))
).map((e, i) => { e.ofTabs = i; return e.outerHTML.slice(0, 120); })"""
_FOCUSED = """() => { const e = document.activeElement; if (!e || e === document.body) return null;
  const s = getComputedStyle(e);
  return [String(e.ofTabs ?? ""), s.outlineStyle !== "none" || s.boxShadow !== "none" || e.tagName === "IFRAME",
          e.outerHTML.slice(0, 120)]; }"""


def faults(page: Page) -> Iterator[str]:
    """What axe-core finds, and what is wider than the window."""
    page.evaluate(_axe())
    yield from page.evaluate(_AXE, RULES)
    yield from page.evaluate(_WIDE)


def keyboard_faults(page: Page) -> Iterator[str]:
    """What the Tab key does not come to, and what does not show that it has the focus."""
    wanted = page.evaluate(_FOCUSABLE)
    page.evaluate("document.activeElement?.blur()")
    reached: set[str] = set()
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused is None or (focused[0] and focused[0] in reached and len(reached) >= len(wanted)):
            break
        if not focused[1]:
            yield f"has the focus and does not show it: {focused[2]}"
        reached.add(focused[0])
    for number, text in enumerate(wanted):
        if str(number) not in reached:
            yield f"the Tab key does not come to it: {text}"


@cache
def _axe() -> str:
    return axe_source()
