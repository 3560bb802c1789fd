"""The reference pages of `docs/reference/`, made from the catalogue and the models."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import TypeAdapter

from schemas.access import ROLES, access_of
from schemas.explanations import EXPLANATIONS
from schemas.json_schema import json_schema, markdown_table, model_section, one_line
from schemas.settings import Setting
from schemas.topics import DAY_MS, HOUR_MS, TOPICS, Topic

_MADE = "<!-- Made by `make schemas`: do not edit. -->"


def topics_page() -> str:
    """Every topic: name, key, value, writers, readers, partitions, how long it is kept, its dead letters."""
    rows = [
        (
            f"`{topic.short}`",
            topic.key,
            _value_link(topic),
            ", ".join(topic.writers),
            ", ".join(topic.readers),
            str(topic.partitions),
            _kept(topic),
            " ".join(_companions(topic)) or "-",
        )
        for topic in TOPICS
    ]
    return _page(
        "Topics",
        "A topic's full name is `<prefix>.<name>.v1`; the prefix is `MAILCALL_TOPIC_PREFIX`, `mailcall` when left out. "
        "`mailcall topics create` makes them all. Values are JSON, described in [records.md](records.md) and, for "
        "machines, in [schemas/json](../../schemas/json) and [schemas/asyncapi.yaml](../../schemas/asyncapi.yaml); "
        "headers follow the CloudEvents Kafka binding (see [integrate.md](../integrate.md)).",
        markdown_table(("topic", "key", "value", "written by", "read by", "partitions", "kept", "and beside it"), rows),
        *(f"## {topic.short}\n\n{topic.doc}" for topic in TOPICS),
    )


def access_page() -> str:
    """What each process needs of the broker: topics that it reads and writes, and its consumer groups."""
    sections = []
    for role in ROLES:
        access = access_of(role, "mailcall")
        rows = [
            ("reads", _names(access.reads)),
            ("writes", _names(access.writes)),
            ("groups", _names(access.groups)),
        ]
        sections.append(f"## {role}\n\n{markdown_table(('', 'names'), rows)}")
    return _page(
        "Access to topics",
        "What each program needs of the broker, and no more, where the topic prefix is `mailcall`: READ on what it "
        "reads and on its consumer groups, WRITE on what it writes. The console needs besides DESCRIBE on every "
        "topic and group `mailcall.*`, and for `mailcall topics create` DESCRIBE_CONFIGS on these topics and, unless "
        "an administrator makes them, CREATE. `mailcall topics create --dry-run --acls` shows what our programs need, "
        "as commands and for Strimzi. To a program of others give only those topics that it is for. How to set it up: "
        "[security.md](../security.md#who-may-write-to-kafka).",
        *sections,
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


def settings_page() -> str:
    """Every kind of setting, each field with type, default and meaning."""
    schema = TypeAdapter[Any](Setting).json_schema(by_alias=True)
    kinds = {member.model_fields["kind"].default: member.__name__ for member in get_args(get_args(Setting)[0])}
    sections = [model_section(f"## {kind}", schema["$defs"][name], schema) for kind, name in kinds.items()]
    return _page(
        "Settings",
        "The values of the topic `settings`, one record each, keyed `kind/id`. They are written in YAML and applied "
        "with `mailcall apply FILE.yaml`, which refuses a wrong file whole.",
        *sections,
        model_section("## Secret", schema["$defs"]["Secret"], schema),
    )


def records_page() -> str:
    """Every other topic's value, each field with type, default and meaning."""
    sections = []
    shown: set[str] = set()
    for topic in TOPICS:
        if topic.value is None or topic.short == "settings":
            continue
        schema = json_schema(topic.value)
        models = {**schema.get("$defs", {}), schema.get("title", ""): schema}
        described = [
            model_section(f"### {name}", model, schema)
            for name, model in models.items()
            if name not in shown and model.get("properties") and name not in _SETTINGS_MODELS
        ]
        shown |= models.keys()
        sections.append("\n\n".join([f"## {topic.short}", *described]))
    return _page(
        "Records",
        "What the values of the [topics](topics.md) hold; [settings](settings.md) have their own page. A reader "
        "ignores fields that it does not know. An example of each is in [schemas/examples](../../schemas/examples).",
        *sections,
    )


_SETTINGS_MODELS = TypeAdapter[Any](Setting).json_schema()["$defs"].keys()


def reasons_page() -> str:
    """Every reason with what happened and what to do."""
    rows = [(f"`{reason}`", why.meaning, why.remedy or "Nothing.") for reason, why in EXPLANATIONS.items()]
    return _page(
        "Reasons",
        "Why something was treated other than by the plain way. The same word stands in logs, in metric labels, on "
        "topics, in dead letters (`dlq-error-class`) and in `mailcall`.",
        markdown_table(("reason", "what happened", "what to do"), rows),
    )


def files_page(docstrings: Mapping[str, str]) -> str:
    """Every module in one line. `docstrings`: by path from the root."""
    packages: dict[str, list[Sequence[str]]] = {}
    for path, docstring in docstrings.items():
        package, _, name = path.partition("/")
        first = one_line(docstring.partition("\n\n")[0])
        packages.setdefault(package, []).append((f"[{name}](../../{path})", first))
    return _page(
        "Files",
        "Every file in the words it begins with. The walk of a mail through them is in "
        "[architecture.md](../architecture.md).",
        *(f"## {package}\n\n{markdown_table(('file', 'duty'), rows)}" for package, rows in packages.items()),
    )


def _page(title: str, *blocks: str) -> str:
    return "\n\n".join([f"# {title}", _MADE, *blocks]) + "\n"


def _value_link(topic: Topic) -> str:
    if topic.value is None:
        return "raw RFC 5322 bytes"
    return f"[JSON](../../schemas/json/{topic.short}.v{topic.version}.json)"


def _kept(topic: Topic) -> str:
    if topic.retention_ms is None:
        return "compacted"
    days, rest = divmod(topic.retention_ms, DAY_MS)
    return f"{days} days" if days and not rest else f"{topic.retention_ms // HOUR_MS} h"


def _companions(topic: Topic) -> list[str]:
    return [f"`.{name}`" for name, there in (("retry", topic.deferred), ("dlq", bool(topic.dead_letters))) if there]
