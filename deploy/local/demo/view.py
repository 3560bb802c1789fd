"""How the demo shows the progress of its mails: a table that fills with a progress bar below, or plain lines."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local.demo.progress import MailProgress

COLUMNS = ("mail", "became", "partition", "user", "logging analyst", "priority", "answer", "seconds")


class View(Protocol):
    """Shows steps as they begin and the walks of all mails as they are known so far."""

    def step(self, text: str) -> None: ...
    def show(self, walks: Sequence[MailProgress]) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def choose_view(console: Console) -> View:
    return LiveView(console) if console.is_terminal else PlainView(console)


class LiveView:
    """For a terminal: the table is drawn again in place."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self._task = self._progress.add_task("starting", total=None)
        self._live = Live(self._progress, console=console, refresh_per_second=8)

    def step(self, text: str) -> None:
        self._progress.update(self._task, description=text)

    def show(self, walks: Sequence[MailProgress]) -> None:
        self._progress.update(self._task, total=len(walks), completed=sum(walk.ended for walk in walks))
        self._live.update(Group(table(walks), self._progress))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


class PlainView:
    """For a file or a pipe: one line for each step, and one for each mail when it has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: set[str] = set()

    def step(self, text: str) -> None:
        self._print(text)

    def show(self, walks: Sequence[MailProgress]) -> None:
        for walk in walks:
            if walk.ended and walk.mail.name not in self._shown:
                self._shown.add(walk.mail.name)
                self._print(f"[{len(self._shown)}/{len(walks)}] " + " | ".join(cells(walk)))

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def table(walks: Sequence[MailProgress]) -> Table:
    result = Table(box=None, pad_edge=False, header_style="bold")
    for name in COLUMNS:
        result.add_column(name, no_wrap=name in ("became", "answer"))
    for walk in walks:
        style = None if walk.sent_at is not None else "dim"
        result.add_row(*cells(walk), style=style)
    return result


def cells(walk: MailProgress) -> tuple[str, ...]:
    """What is known so far of one mail, in the order of `COLUMNS`."""
    fate, item = walk.got, walk.item
    if fate is None:
        return (walk.mail.title, "on its way" if walk.sent_at else "", *[""] * 6)
    if item is None:
        return (walk.mail.title, f"{fate.outcome}: {fate.reason}", *[""] * 5, _seconds(walk))
    notified = "received" if fate.notified else "awaited" if walk.mail.expected.notified else "none"
    return (
        walk.mail.title,
        f"{item.reference} {fate.outcome.removeprefix('item-').removeprefix('call-')}",
        item.partition.upper(),
        walk.user_name,
        walk.analyst_name,
        item.priority,
        notified,
        _seconds(walk),
    )


def _seconds(walk: MailProgress) -> str:
    last = walk.answered_after or walk.decided_after
    return "" if last is None else f"{last:.1f}"
