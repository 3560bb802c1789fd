"""What is wrong with a page as it is shown: by axe-core, by its width, by the keyboard, by the standard of HTML."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from playwright.sync_api import Page

from deploy.local.checkers.npm_checkers import axe_source

RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}  # all of axe-core's that read them
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 800}
MOST_TABS = 400
_AXE = """async (rules) => {
  const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
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
_FOCUSABLE = """() => [...document.querySelectorAll(
  "a[href], button, input, select, textarea, summary, [tabindex='0']")].filter(
  e => !e.disabled && e.type !== "hidden" && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true })
    && !(e.type === "radio" && !e.checked && document.querySelector(`input[name="${CSS.escape(e.name)}"]`) !== e)
    && !(e.type === "radio" && e !== (document.querySelector(`input[name="${CSS.escape(e.name)}"]:checked`) ?? e))
).map((e, i) => { e.ofTabs = i; return e.outerHTML.slice(0, 120); })"""
_NOTE_FOCUS = """() => { window.noted = [];
  addEventListener("focusin", ({ target }) => { const s = getComputedStyle(target);
    window.noted.push([target.ofTabs ?? -1, s.outlineStyle !== "none" || s.boxShadow !== "none",
                       target.outerHTML.slice(0, 120)]); }); }"""


@dataclass(frozen=True)
class Look:
    """How a page is looked at, and by which rules: what differs from another look by its colours needs only theirs."""

    name: str
    media: Mapping[str, Any]
    size: Mapping[str, int]
    rules: Mapping[str, Any]


LOOKS = (
    Look("light", {"color_scheme": "light", "forced_colors": "none"}, DESKTOP, RULES),
    Look("dark", {"color_scheme": "dark"}, DESKTOP, OF_COLOURS),
    Look("forced colours", {"forced_colors": "active"}, DESKTOP, OF_COLOURS),
    Look("phone", {"color_scheme": "light", "forced_colors": "none"}, PHONE, RULES),
)


def faults_in_every_look(page: Page) -> Iterator[str]:
    """What axe-core finds, and what is wider than the window. The page is left as it is on a desk."""
    page.evaluate(_axe())
    for look in LOOKS:
        page.emulate_media(**look.media)
        page.set_viewport_size(look.size)  # type: ignore[arg-type]
        for fault in (*page.evaluate(_AXE, look.rules), *page.evaluate(_WIDE)):
            yield f"[{look.name}]: {fault}"
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def keyboard_faults(page: Page) -> Iterator[str]:
    """What the Tab key does not come to, and what does not show that it has the focus."""
    wanted: list[str] = page.evaluate(_FOCUSABLE)
    page.evaluate("document.activeElement?.blur()")
    page.evaluate(_NOTE_FOCUS)
    missing, pressed = set(range(len(wanted))), 0
    while missing and pressed < MOST_TABS:
        for _ in range(len(missing)):  # it comes to no more with so many, and one question after them is enough
            page.keyboard.press("Tab")
        pressed += len(missing)
        missing -= {number for number, _, _ in page.evaluate("window.noted")}
    yield from {
        f"has the focus and does not show it: {e}" for _, shows, e in page.evaluate("window.noted") if not shows
    }
    yield from (f"the Tab key does not come to it: {wanted[number]}" for number in sorted(missing))


@cache
def _axe() -> str:
    return axe_source()
