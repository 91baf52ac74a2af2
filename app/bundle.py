"""The page's modules as one, put together as they are served: there is no build step, and none of it is kept.

A browser asks for each module by itself, and some sixty of them make up a third of a first visit. So each becomes a
function that runs once and returns what the module exports, in the order in which they need each other. That is all
that has to be done for modules in which every import is `import { a, b as c } from "./other.js";` on a line of its own,
and every export stands before a declaration. Vendored libraries are left as they are, and imported.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

VENDORED = "vendor/"
IMPORT = re.compile(r'^import \{ ([^}]+) \} from "(\.[^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+)\b)", re.MULTILINE)
OTHER = re.compile(r"^(?:import|export)\b.*|\bimport\(", re.MULTILINE)


class Bundle:
    """`text` does what the module `entry` below `folder` would. Raises ValueError for one that is written otherwise."""

    def __init__(self, folder: Path, entry: str) -> None:
        self._folder = folder
        self._done: list[str] = []
        self._open: list[str] = []
        self._imports: list[str] = []
        self._functions: list[str] = []
        self._add(entry)
        self.text = "\n".join([*self._imports, *self._functions])

    def _add(self, name: str) -> None:
        """Put a module behind those that it needs."""
        if name in self._open:
            raise ValueError(f"modules that need each other: {' -> '.join([*self._open, name])}")
        if name in self._done:
            return
        self._open.append(name)
        text = (self._folder / name).read_text(encoding="utf-8")
        text = IMPORT.sub(lambda found: self._import(name, *found.groups()), text)
        exported = EXPORT.findall(text)
        text = EXPORT.sub("", text)
        other = OTHER.search(text)
        if other is not None:
            raise ValueError(f"{name}: {other[0]!r} cannot be put together with other modules")
        self._open.pop()
        self._done.append(name)
        head = f"const {_variable(self._done.index(name))} = (() => {{ // {name}"
        self._functions.append(f"{head}\n{text}\nreturn {{ {', '.join(exported)} }};\n}})();")

    def _import(self, name: str, names: str, path: str) -> str:
        """What stands in `name` for an import of `names` from `path`."""
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        if target.startswith(VENDORED):
            self._imports.append(f'import {{ {names} }} from "./{target}";')
            return ""
        self._add(target)
        return f"const {{ {names.replace(' as ', ': ')} }} = {_variable(self._done.index(target))};"


def _variable(number: int) -> str:
    return f"module{number}"
