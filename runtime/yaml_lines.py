"""YAML with the line of every value, so that an error can say where it is. Safe types only; no key twice.

Everything is counted before anything is built: the library builds its tree in C, whatever its depth and size
(docs/adr/0015-yaml.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_COLLECTIONS = frozenset({f"{_TAG}map", f"{_TAG}seq"})
_TAGS = _COLLECTIONS | {_TAG + name for name in "str int float bool null timestamp merge value".split()}
_MERGE = _TAG + "merge"
_TEXT = _TAG + "str"
MAX_BYTES = 5_000_000  # of a file
MAX_NODES = 200_000  # keys, values and aliases, as they are written; and again with what aliases stand for
MAX_DEPTH = 50
MAX_NUMBER = 100  # characters of what is no text: a number of a million digits takes the time of its square
_NOT_SO = "the value is not what it looks like; text stands in quotes"
_TOO_MUCH = "it holds too many values, or values nested too deep"


class YamlError(Exception):
    """The text is no usable YAML. `line` counts from 1, None if unknown; the text quotes nothing of the file."""

    def __init__(self, text: str, line: int | None) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a YAML document, and the line on which each value begins, by its path."""

    data: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int | None:
        """Line of the value at `path`, or of the nearest thing around it that is there."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def load(text: str) -> Document:
    """Raises `YamlError`. An empty document is `{}`."""
    try:
        _count(text)
        return _built(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(error.problem or "it is no YAML", mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise YamlError(f"it is no YAML ({type(error).__name__})", None) from None


def _count(text: str) -> None:
    """Raises `YamlError` at the first node that is one too many, or nested too deep; nothing is kept meanwhile."""
    nodes = depth = 0
    event: Any
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise YamlError(_TOO_MUCH, event.start_mark.line + 1)


def _built(text: str) -> Document:
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Path, int] = {}
        return Document({} if node is None else _Walk(loader, lines).value(node, ()), lines)
    finally:
        loader.dispose()


class _Walk:
    """Makes plain data of nodes, and remembers their lines. What aliases stand for is counted each time."""

    def __init__(self, loader: yaml.CSafeLoader, lines: dict[Path, int]) -> None:
        self._loader = loader
        self._lines = lines
        self._nodes = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._spend(node, len(path))
        self._lines[path] = _line(node)
        if node.tag not in _TAGS:
            raise YamlError("a tag (a word behind an exclamation mark) does not belong here", _line(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in self._pairs(node, len(path)):
            key = self._scalar(key_node)
            if not isinstance(key, str | int | float | bool):
                raise YamlError("a key must be one word", _line(key_node))
            name = key if isinstance(key, str) else str(key_node.value)
            result[name] = self.value(value_node, (*path, name))
        return result

    def _pairs(self, node: yaml.MappingNode, depth: int) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """First what `<<` merges in, the last of several first, so that each overrides what comes before it."""
        self._spend(node, depth)
        own: list[tuple[yaml.ScalarNode, yaml.Node]] = []
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise YamlError("a key must be one word", _line(key))
            if key.tag == _MERGE:
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for source in reversed(sources):
                    if not isinstance(source, yaml.MappingNode):
                        raise YamlError("<< takes in a mapping, or a list of mappings", _line(value))
                    yield from self._pairs(source, depth + 1)
                continue
            if key.value in seen:
                raise YamlError(f"the key {key.value!r} is given twice", _line(key))
            seen.add(key.value)
            own.append((key, value))
        yield from own

    def _scalar(self, node: yaml.Node) -> Any:
        if node.tag in _COLLECTIONS:
            raise YamlError(_NOT_SO, _line(node))
        if node.tag not in (_TEXT, _MERGE) and len(node.value) > MAX_NUMBER:
            raise YamlError("a number cannot be that long; text stands in quotes", _line(node))
        try:
            return self._loader.construct_object(node)
        except yaml.YAMLError:
            raise
        except Exception:  # the library's types raise whatever their code stumbles on
            raise YamlError(_NOT_SO, _line(node)) from None

    def _spend(self, node: yaml.Node, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise YamlError(_TOO_MUCH, _line(node))


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line + 1
    return line
