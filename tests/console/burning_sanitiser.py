"""`python -m tests.console.burning_sanitiser`: the sanitiser within a lower limit, which never ends with one piece."""

from console.mails import safe_html as sanitiser

_sanitise = sanitiser.sanitise


def burn_if_asked(html: str) -> str:
    while "please burn" in html:
        pass
    return _sanitise(html)


if __name__ == "__main__":
    sanitiser.CPU_SECONDS = 0  # one second is left
    sanitiser.sanitise = burn_if_asked
    sanitiser.main()
