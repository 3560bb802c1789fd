"""YAML with the line of every value, so that an error can say where it is. Safe types only; no key twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]

_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in "map seq str int float bool null timestamp merge value".split()
)
MAX_NODES = 200_000  # aliases let a few lines stand for billions of values


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
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Path, int] = {}
        data = {} if node is None else _Walk(loader, lines).value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(error.problem or "it is no YAML", mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlError(f"it is no YAML ({type(error).__name__})", None) from None
    finally:
        loader.dispose()
    return Document(data, lines)


class _Walk:
    """Makes plain data of nodes, and remembers their lines."""

    def __init__(self, loader: yaml.CSafeLoader, lines: dict[Path, int]) -> None:
        self._loader = loader
        self._lines = lines
        self._nodes = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(path) > 50:
            raise YamlError("it holds too many values, or values nested too deep", node.start_mark.line + 1)
        self._lines[path] = node.start_mark.line + 1
        if node.tag not in _TAGS:
            raise YamlError("a tag (a word behind an exclamation mark) does not belong here", node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            _refuse_repeated_keys(node)
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Any, Any]:
        self._loader.flatten_mapping(node)
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self._loader.construct_object(key_node)
            if not isinstance(key, str | int | float | bool):
                raise YamlError("a key must be one word", key_node.start_mark.line + 1)
            name = key if isinstance(key, str) else str(key_node.value)
            result[name] = self.value(value_node, (*path, name))
        return result


def _refuse_repeated_keys(node: yaml.MappingNode) -> None:
    """Keys as they are written: what `<<` merges in may well be given again."""
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in seen and key.value != "<<":
            raise YamlError(f"the key {key.value!r} is given twice", key.start_mark.line + 1)
        seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
