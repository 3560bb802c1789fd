"""The reference pages of `docs/reference/`, made from the catalogue and the models."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import TypeAdapter

from schemas.access import ROLES, access_of
from schemas.json_schema import Schema, json_schema
from schemas.reasons import EXPLANATIONS
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
        _table(("topic", "key", "value", "written by", "read by", "partitions", "kept", "and beside it"), rows),
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
        sections.append(f"## {role}\n\n{_table(('', 'names'), rows)}")
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
    sections = [_described(f"## {kind}", schema["$defs"][name], schema) for kind, name in kinds.items()]
    return _page(
        "Settings",
        "The values of the topic `settings`, one record each, keyed `kind/id`. They are written in YAML and applied "
        "with `mailcall apply FILE.yaml`, which refuses a wrong file whole.",
        *sections,
        _described("## Secret", schema["$defs"]["Secret"], schema),
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
            _described(f"### {name}", model, schema)
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
        _table(("reason", "what happened", "what to do"), rows),
    )


def files_page(docstrings: Mapping[str, str]) -> str:
    """Every module in one line. `docstrings`: by path from the root."""
    packages: dict[str, list[Sequence[str]]] = {}
    for path, docstring in docstrings.items():
        package, _, name = path.partition("/")
        first = _text(docstring.partition("\n\n")[0])
        packages.setdefault(package, []).append((f"[{name}](../../{path})", first))
    return _page(
        "Files",
        "Every file in the words it begins with. The walk of a mail through them is in "
        "[architecture.md](../architecture.md).",
        *(f"## {package}\n\n{_table(('file', 'duty'), rows)}" for package, rows in packages.items()),
    )


def _page(title: str, *blocks: str) -> str:
    return "\n\n".join([f"# {title}", _MADE, *blocks]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


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


def _text(description: str) -> str:
    """A docstring as Markdown: its line breaks are of no meaning."""
    return " ".join(description.split())


def _described(heading: str, model: Schema, root: Schema) -> str:
    """A section on one model: heading, what it is, table of its fields."""
    blocks = (heading, _text(model.get("description", "")), _fields(model, root))
    return "\n\n".join(block for block in blocks if block)


def _fields(model: Schema, root: Schema) -> str:
    required = set(model.get("required", ()))
    rows = [
        (f"`{name}`", _type(field, root), _default(name, field, required), _meaning(field))
        for name, field in model["properties"].items()
    ]
    return _table(("field", "type", "default", "meaning"), rows)


def _meaning(field: Schema) -> str:
    return _text(field.get("description") or ("always this word" if "const" in field else ""))


def _default(name: str, field: Schema, required: set[str]) -> str:
    if name in required:
        return "required"
    default = None if "const" in field else field.get("default")
    return "-" if default in (None, "", [], {}) else f"`{json.dumps(default, ensure_ascii=False)}`"


_FORMATS = {"date-time": "date and time (ISO 8601)"}
_NAMES = {"integer": "whole number", "boolean": "true or false", "object": "mapping", "null": "nothing"}


def _type(field: Schema, root: Schema) -> str:
    """A field's type in an administrator's words."""
    if "$ref" in field:
        name: str = field["$ref"].rpartition("/")[2]
        if name == "Reason":
            return "a [reason](reasons.md)"
        target = root["$defs"][name]
        return _type(target, root) if "enum" in target else name
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if any(union in field for union in ("anyOf", "oneOf", "allOf")):
        choices = field.get("anyOf") or field.get("oneOf") or field["allOf"]
        return " or ".join(_type(choice, root) for choice in choices if choice.get("type") != "null")
    if field.get("type") == "array":
        return f"list of {_type(field['items'], root)}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"mapping of text to {_type(field['additionalProperties'], root)}"
    return _simple(field)


def _simple(field: Schema) -> str:
    name = str(field.get("type", "anything"))
    if name == "string":
        return _FORMATS.get(str(field.get("format")), "text")
    bounds = [
        f"{word} {field[key]:g}"
        for key, word in (
            ("exclusiveMinimum", "above"), ("minimum", "from"), ("maximum", "to"), ("exclusiveMaximum", "below"),
        )
        if key in field
    ]  # fmt: skip
    return " ".join([_NAMES.get(name, name), *bounds])
