"""Parts of a library that it imports whether they are used or not: left out where they are not, to start sooner."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def left_out(modules: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """What is imported in the block finds empty classes where it imports these names from these modules.

    Afterwards an import finds the real modules. One that is imported already stays what it is.
    """
    missing = {name: names for name, names in modules.items() if name not in sys.modules}
    for name, names in missing.items():
        module = ModuleType(name)
        vars(module).update({each: type(each, (), {}) for each in names})
        module.__path__ = []  # a package, since others are below it
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
