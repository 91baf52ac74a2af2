"""Modules put together. That the page's own work so is shown by every test of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.bundle import Bundle


def written(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        file = folder / f"{name.replace('__', '/')}.js"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def test_each_module_runs_once_behind_those_it_needs(tmp_path: Path) -> None:
    part = 'import { one as b } from "../b.js";\nexport const double = (x) => 2 * x;\nexport async function one() {}\n'
    folder = written(
        tmp_path,
        main='import { double, one as first } from "./parts/a.js";\nimport { one } from "./b.js";\ndouble(first);\n',
        parts__a=part,
        b='import { io } from "./vendor/io.js";\nexport class one {}\n',
    )
    assert Bundle(folder, "main.js").text.splitlines() == [
        'import { io } from "./vendor/io.js";',
        "const module0 = (() => { // b.js",
        "",
        "class one {}",
        "",
        "return { one };",
        "})();",
        "const module1 = (() => { // parts/a.js",
        "const { one: b } = module0;",
        "const double = (x) => 2 * x;",
        "async function one() {}",
        "",
        "return { double, one };",
        "})();",
        "const module2 = (() => { // main.js",
        "const { double, one: first } = module1;",
        "const { one } = module0;",
        "double(first);",
        "",
        "return {  };",
        "})();",
    ]


@pytest.mark.parametrize(
    "text",
    [
        'import a from "./a.js";',
        'import * as a from "./a.js";',
        'import "./a.js";',
        "export default 1;",
        "export { a };",
        "export let a = 1;",
        'const a = await import("./a.js");',
    ],
)
def test_what_is_written_otherwise_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"main\.js: .* cannot be put together"):
        Bundle(written(tmp_path, main=text + "\n"), "main.js")


def test_modules_that_need_each_other_are_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, main='import { b } from "./b.js";\n', b='import { a } from "./main.js";\n')
    with pytest.raises(ValueError, match=r"main\.js -> b\.js -> main\.js"):
        Bundle(folder, "main.js")
