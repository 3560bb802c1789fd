"""Message templates as an administrator sees them: which one is used for whom, and what a mail by it would say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from console.desk.items import list_items, show_item
from console.errors import Remedy, UserError
from console.settings.checks import MEND_TEMPLATE, check_workable
from console.settings.file_reading import read_settings_file
from console.settings.state import State, read_state
from desk.item_detail import Item
from outbound.render import RenderError, Source, Templates, built_in, fill, source_of
from runtime.child.template_checks import TemplateChecker
from schemas.events import ItemKind, NotificationRequested
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import Format, MessageTemplate, Partition, Secret
from schemas.settings.notification_rules import DeskEvent, Role
from schemas.snapshot import SettingsSnapshot
from schemas.template_words import template_variables

if TYPE_CHECKING:
    from runtime.config import ProcessConfig

_EVENTS: tuple[str, ...] = get_args(DeskEvent)
_ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """The template by which somebody is told. `recipient` and `partition` are None where it is the same for all.

    `template`: `message-template/ID`, `built-in/EVENT`, or empty where there is none. `fault`: why it cannot be used.
    """

    event: str
    recipient: Role | None
    partition: str | None
    template: str
    fault: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as it would be. `template` as in `TemplateUse`; outbound puts the item's signed tag before `subject`."""

    template: str
    reference: str
    subject: str
    text: str
    html: str


def used_templates(settings: SettingsSnapshot) -> list[TemplateUse]:
    """For each event who is told by which template; those of the desk first, then the integrators'."""
    faults = TemplateChecker().faults(settings.all_of(MessageTemplate))
    templates = Templates(settings, faults)
    own = {template.event: None for template in settings.all_of(MessageTemplate)}
    partitions = tuple(partition.id for partition in settings.all_of(Partition))
    return [
        TemplateUse(event, role, partition, name, faults.get(name.removeprefix("message-template/"), ""))
        for event in dict.fromkeys((*_EVENTS, *own))
        for role, partition, name in _differing(event, templates, partitions)
    ]


def _differing(
    event: str, templates: Templates, partitions: tuple[str, ...]
) -> Iterator[tuple[Role | None, str | None, str]]:
    """Role, partition and template of one event: no more lines than there are differences."""
    names = {role: [_name(_chosen(templates, event, role, one)) for one in partitions or (None,)] for role in _ROLES}
    if len({name for found in names.values() for name in found}) == 1:
        yield None, None, names[_ROLES[0]][0]
        return
    for role, found in names.items():
        if len(set(found)) == 1:
            yield role, None, found[0]
        else:
            yield from ((role, partition, name) for partition, name in zip(partitions, found, strict=True))


def _chosen(templates: Templates, event: str, role: Role | None, partition: str | None) -> Source | None:
    return templates.find(event, role, partition) or built_in(event, role)


def _name(source: Source | None) -> str:
    return source.name if source else ""


def preview_of(
    config: "ProcessConfig",
    *,
    event: str | None = None,
    recipient: str | None = None,
    partition: str | None = None,
    item: str | None = None,
    template: str | None = None,
) -> Preview:
    """The mail that would tell of an item, or of the newest one.

    `template`: a YAML file that is not applied yet, or an id; else the one that is used. It says event, recipient and
    partition where they are left out. Raises `UserError`, also where the file's template is broken,
    `OutageError`, `TopicMissingError`.
    """
    if recipient is not None and recipient not in _ROLES:
        raise UserError(f"{recipient!r} is nobody who is told", f"it is one of: {', '.join(_ROLES)}")
    state = read_state(config)
    given = _given(template, state.settings, event, recipient, partition) if template else None
    told_of = event or (given.event if given else None)
    if told_of is None:
        raise UserError("it is not said what the mail tells of", Remedy.GIVE_EVENT)
    role = recipient or (given.recipient if given else None)
    where = partition or (given.partition if given else None)
    shown = show_item(config, item or _newest(config, told_of, where))
    faults = TemplateChecker().faults((given,) if given else state.settings.all_of(MessageTemplate))
    source = (
        source_of(given, faults)
        if given
        else _chosen(Templates(state.settings, faults), told_of, role, where or shown.partition)
    )
    if source is None:
        raise UserError(f"there is no template for {told_of!r}", f"add one, or take one of: {', '.join(_EVENTS)}")
    try:
        mail = fill(source, _request(shown, state, told_of, role), Format.HTML)
    except RenderError as error:
        remedy = "an integrator's event brings names of its own, which the desk's items do not have"
        raise UserError(str(error), MEND_TEMPLATE if source.fault else remedy) from None
    return Preview(source.name, shown.reference, mail.subject, mail.text, mail.html or "")


def _given(
    template: str, settings: SettingsSnapshot, event: str | None, recipient: str | None, partition: str | None
) -> MessageTemplate:
    """The one template of a file, or of this id, that is for this event, recipient and partition."""
    if Path(template).suffix in (".yaml", ".yml"):
        file = read_settings_file(Path(template), lambda _clear: Secret(env="NOT_READ_HERE"), State(settings))
        check_workable(file)
        found = [one for one in file.settings.values() if isinstance(one, MessageTemplate)]
    else:
        found = [one for one in settings.all_of(MessageTemplate) if one.id == template]
    wanted = {"event": event, "recipient": recipient, "partition": partition}.items()
    fitting = [one for one in found if all(_fits(getattr(one, name), value) for name, value in wanted)]
    if len(fitting) != 1:
        raise UserError(
            f"{template}: {len(fitting) or 'no'} message templates fit",
            "give the id of one, or a YAML file; choose by event, recipient and partition",
        )
    return fitting[0]


def _fits(has: str | None, wanted: str | None) -> bool:
    """A template without recipient or partition is for each of them."""
    return has is None or wanted is None or has == wanted


def _newest(config: "ProcessConfig", event: str, partition: str | None) -> str:
    """The reference of the newest item that the event can tell of."""
    kind = next((kind for kind in get_args(ItemKind) if event.lower().startswith(kind)), None)
    found = list_items(config, kind=kind, partition=partition, status=None, limit=1)
    if not found:
        raise UserError("the desk has no item that could be shown", Remedy.LOG_CALL)
    return found[0].reference


def _request(item: Item, state: State, event: str, role: Role | None) -> NotificationRequested:
    """As the logger would ask for it after the latest that was done to the item."""
    done = [entry for entry in item.journal if not entry.kind.startswith("notification-")]
    last = done[-1] if done else None
    name = _names(state.persons)
    partition = state.settings.partition(item.partition)
    user, analyst, person = (
        item.user_name or item.user,
        name(item.logging_analyst),
        name(last.person_id if last else ""),
    )
    readers = {"author": person, "user": user, "logging-analyst": analyst, "assigned-group": item.assigned_group}
    return NotificationRequested(
        notification_id="0" * 32,
        recipient="reader@localhost.example",
        recipient_name=readers.get(role or "user", ""),
        role=role,
        event=event,
        data=template_variables(
            event=event,
            role=role or "",
            reference=item.reference,
            kind=item.kind,
            subject=item.subject,
            partition=(partition and partition.name) or item.partition,
            user=user,
            logging_analyst=analyst,
            group=item.assigned_group,
            priority=item.priority,
            person=person,
            text="" if role == "author" or last is None else last.reply,
            reason=Reason.ITEM_CLOSED if event == "ActionRefused" else None,
        ),
        requested_at=datetime.now(UTC),
    )


def _names(persons: Mapping[str, Person]) -> Callable[[str], str]:
    return lambda id_: (persons[id_].name if id_ in persons else "") or id_
