"""tables/**/*.py, read as text: nothing of it is imported."""

import ast
from pathlib import Path, PurePosixPath
from typing import Any

from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.project.cache import digest
from wherry.project.draft import Draft, Drafts
from wherry.project.located import Located
from wherry.project.table_keys import HEADER_KEYS, TableKeys

_FORM = 'Write:  from wherry import Table, table\n\n@table(build="replace")\ndef {name}(rows: Table["raw.rows"]): ...'
_BUILDS = ("replace", "append", "merge", "history")


class PythonProblem(Exception):
    """This file does not define one table."""

    def __init__(
        self, message: str, line: int, column: int = 1, hint: str = "", code: str = "bad-python-table"
    ) -> None:
        super().__init__(message)
        self.line, self.column, self.hint, self.code = line, column, hint, code


def read_python_table(name: str, file: str, text: str, folder: Path, drafts: Drafts) -> None:
    """Add the table that ``file`` defines, or what is wrong with it."""
    try:
        module = _parse(text)
        function, decorator = _table_function(module, PurePosixPath(file).stem)
        keys, places = _arguments(decorator)
        references = tuple(_parameters(function))
    except PythonProblem as error:
        finding = Finding(
            code=error.code,
            message=str(error),
            hint=error.hint or _FORM.format(name=PurePosixPath(file).stem),
            file=file,
            line=error.line,
            column=error.column,
        )
        drafts.findings.append(finding)
        drafts.assets.append(Draft(asset=Asset(name=name, kind="python", file=file, held=(finding,)), sound=False))
        return
    reader = TableKeys(located=Located(value=keys, places=places), file=file, custom=drafts.custom)
    reader.unknown(keys, HEADER_KEYS)
    fields = reader.read(keys)
    if "build" in fields and fields["build"].word not in _BUILDS:
        reader.problem(
            "unsupported-build",
            "build",
            f"A Python table cannot be `{fields['build'].word}`.",
            f"It can be {', '.join(_BUILDS)}.",
        )
    drafts.findings.extend(reader.findings)
    fields.setdefault("about", ast.get_docstring(module) or ast.get_docstring(function) or "")
    asset = Asset(
        name=name,
        kind="python",
        file=file,
        line=function.lineno,
        function=function.name,
        parameters=tuple((parameter, table) for parameter, table, _, _ in references),
        meaning=_meaning(module, function, decorator, folder),
        **fields,
    )
    drafts.assets.append(
        Draft(
            asset=asset.held_by(reader.findings),
            references=tuple((table, line, column) for _, table, line, column in references),
        )
    )


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", 1) or 1, getattr(error, "offset", 1) or 1
        message = getattr(error, "msg", None) or str(error)
        raise PythonProblem(f"This is not Python: {message}.", line, column, "Mend the syntax.", "not-python") from None


def _table_function(module: ast.Module, stem: str) -> tuple[ast.FunctionDef, ast.expr]:
    found = [
        (node, decorator)
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in node.decorator_list
        if _called(decorator) in ("table", "wherry.table")
    ]
    if not found:
        raise PythonProblem("No function here is decorated with @table.", 1)
    if len(found) > 1:
        raise PythonProblem("A file defines one table, and this one decorates more functions.", found[1][0].lineno)
    function, decorator = found[0]
    if isinstance(function, ast.AsyncFunctionDef):
        raise PythonProblem("A table function is a plain `def`, not `async def`.", function.lineno)
    if function.name != stem:
        raise PythonProblem(
            f"The function is called `{function.name}` and the file `{stem}.py`.",
            function.lineno,
            hint="Give both the table's name.",
        )
    return function, decorator


def _called(node: ast.expr) -> str:
    return ast.unparse(node.func if isinstance(node, ast.Call) else node)


def _arguments(decorator: ast.expr) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    keys: dict[str, Any] = {}
    places: dict[str, tuple[int, int]] = {"": (decorator.lineno, decorator.col_offset + 1)}
    if not isinstance(decorator, ast.Call):
        return keys, places
    if decorator.args:
        raise PythonProblem("@table takes its arguments by name.", decorator.lineno, decorator.col_offset + 1)
    for keyword in decorator.keywords:
        try:
            if keyword.arg is None:  # **keys
                raise ValueError
            value = _plain(ast.literal_eval(keyword.value))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise PythonProblem(
                f"`{keyword.arg or '**'}` of @table must be written out, not computed.",
                keyword.value.lineno,
                keyword.value.col_offset + 1,
                "The file is read without being run: use plain text, numbers, lists and dictionaries.",
            ) from None
        keys[str(keyword.arg)] = value
        places[str(keyword.arg)] = (keyword.value.lineno, keyword.value.col_offset + 1)
    return keys, places


def _plain(value: Any) -> Any:
    """The value in the types that a header has: lists, and mappings from text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    return value


def _parameters(function: ast.FunctionDef) -> list[tuple[str, str, int, int]]:
    """Each parameter with its table, and the line and column where that is named."""
    if function.args.vararg or function.args.kwarg or function.args.posonlyargs:
        raise PythonProblem("A table function takes plain parameters only.", function.lineno)
    parameters = []
    for argument in (*function.args.args, *function.args.kwonlyargs):
        note = argument.annotation
        if (
            not isinstance(note, ast.Subscript)
            or ast.unparse(note.value) not in ("Table", "wherry.Table")
            or not isinstance(note.slice, ast.Constant)
            or not isinstance(note.slice.value, str)
        ):
            raise PythonProblem(
                f"Parameter `{argument.arg}` does not say which table it is.",
                argument.lineno,
                argument.col_offset + 1,
                f'Annotate it: {argument.arg}: Table["schema.table"].',
            )
        parameters.append((argument.arg, note.slice.value, note.slice.lineno, note.slice.col_offset + 1))
    return parameters


def _meaning(module: ast.Module, function: ast.FunctionDef, decorator: ast.expr, folder: Path) -> str:
    """Hash of the module's syntax tree and of the project's modules that it imports, through one another.

    What ``@table`` says is about the rows, as a SQL header is; the build word counts on its own.
    """
    function.decorator_list.remove(decorator)
    seen: dict[str, str] = {}
    todo = [("", module)]
    while todo:
        path, tree = todo.pop()
        for node in ast.walk(tree):
            if isinstance(
                node, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
            ) and ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
        seen[path] = ast.dump(tree)
        for imported in _imports(tree):
            file = folder / imported
            if imported not in seen and file.is_file():
                seen[imported] = ""
                try:
                    todo.append((imported, ast.parse(file.read_bytes())))
                except (SyntaxError, ValueError, OSError):
                    continue  # it fails, with its place, when the table runs
    return digest(*(part for path in sorted(seen) for part in (path, seen[path])))


def _imports(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names.extend(f"{node.module}.{alias.name}" for alias in node.names)
    paths = [name.replace(".", "/") for name in names]
    return sorted({f"{path}{ending}" for path in paths for ending in (".py", "/__init__.py")})
