"""Where mails are looked at as people see them: a text reader and a browser, both Debian's."""

from pathlib import Path

from deploy.local.packages.debian import need


def find_text_reader() -> Path:
    """S-nail, installed where this is root on Debian. Raises `NotAvailableError`."""
    return need("s-nail", (), ("s-nail",))


def find_browser() -> Path:
    """Chromium without windows, which takes a quarter of the time that one with them takes to show a page.

    Installed where this is root on Debian. Raises `NotAvailableError`.
    """
    return need("chromium-headless-shell", (), ("chromium-headless-shell", "fonts-liberation"))
