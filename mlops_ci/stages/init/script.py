"""Read a training script without running it: what it reads and writes, what it fits, and where it saves the model."""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections.abc import Iterator

from mlops_ci.records.setting_up import Script

FILE = re.compile(r"[\w./ -]+\.(?:csv|tsv|csv\.gz|parquet|pq|json|ya?ml|toml)")
WRITING = ("to_csv", "to_parquet", "to_json", "write_text", "write_bytes", "write_csv", "write_parquet")
DUMPING = {"dump": ("joblib", "pickle", "cloudpickle", "dill"), "save": ("torch",)}
NUMBER = re.compile(r"Regressor|LinearRegression|Ridge|Lasso|ElasticNet|SVR|reg:|regression")
TARGETS = re.compile(r"y|y_\w+|target|targets|label|labels")


def read_script(path: str, content: bytes) -> Script:
    """What a Python file says about itself; one that is no Python says nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return Script(path=path)
    reader = _Reader(tree)
    return reader.script(path)


class _Reader:
    """One file being read."""

    def __init__(self, tree: ast.Module) -> None:
        placed = (node for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.expr))
        self.nodes = sorted(placed, key=lambda node: (node.lineno, node.col_offset))
        self.calls = [node for node in self.nodes if isinstance(node, ast.Call)]
        self.texts = dict(self._assigned())

    def script(self, path: str) -> Script:
        saves, saves_at = self._saves()
        model, model_at = self._model()
        return Script(
            path=path,
            imports=frozenset(self._imports()),
            saves=saves,
            saves_at=saves_at,
            model=model,
            model_at=model_at,
            fits=any(_attribute(call) in ("fit", "train", "fit_transform") for call in self.calls),
            names=tuple(dict.fromkeys(self._names())),
            writes=tuple(dict.fromkeys(self._writes())),
            labels=tuple(dict.fromkeys(self._labels())),
            regression=any(NUMBER.search(word) for word in self._words()),
        )

    def _assigned(self) -> Iterator[tuple[str, ast.expr]]:
        """Names that are given a value once and for all, in the file's own order."""
        for node in self.nodes:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                yield node.targets[0].id, node.value

    def text(self, node: ast.expr | None, depth: int = 0) -> str:
        """The text of an expression: a literal, a name for one, Path(…), a / b, os.path.join(…), str(…); else ''."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else ""
        if depth > 8:
            return ""
        if isinstance(node, ast.Name):
            return self.text(self.texts.get(node.id), depth + 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            parts = [self.text(node.left, depth + 1), self.text(node.right, depth + 1)]
            return posixpath.join(*parts) if all(parts) else ""
        if isinstance(node, ast.Call) and node.args and _name(node) in ("Path", "join", "str", "PurePath"):
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
                return ""  # ", ".join(…)
            parts = [self.text(item, depth + 1) for item in node.args]
            return posixpath.join(*parts) if all(parts) else ""
        return ""

    def _imports(self) -> Iterator[str]:
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield (node.module or "").partition(".")[0]

    def _saves(self) -> tuple[str, int]:
        """Where `mlflow.<flavor>.save_model(model, "model")` writes; its folder is its own if it can't be told."""
        for call in self.calls:
            if _attribute(call) == "save_model" and "mlflow" in ast.dump(call.func):
                named = next((item.value for item in call.keywords if item.arg == "path"), None)
                found = self.text(named or (call.args[1] if len(call.args) > 1 else None))
                if not found and _flavor(call) == "pyfunc" and call.args:
                    found = self.text(call.args[0])
                return posixpath.normpath(found or "model"), call.lineno
        return "", 0

    def _model(self) -> tuple[str, int]:
        """The variable that is dumped, else the one that is fitted last, and the last line of that statement."""
        found = ("", 0)
        for node in self.nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                if isinstance(node.value, ast.Call) and _attribute(node.value) in ("fit", "train"):
                    found = (node.targets[0].id, node.end_lineno or node.lineno)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                call = node.value
                owner = call.func.value if isinstance(call.func, ast.Attribute) else None
                first = call.args[0] if call.args else None
                if isinstance(owner, ast.Name) and owner.id in DUMPING.get(_attribute(call), ()):
                    return (first.id if isinstance(first, ast.Name) else ""), node.end_lineno or node.lineno
                if isinstance(owner, ast.Name) and _attribute(call) == "fit":
                    found = (owner.id, node.end_lineno or node.lineno)
        return found

    def _names(self) -> Iterator[str]:
        for node in self.nodes:
            found = self.text(node) if isinstance(node, ast.Constant | ast.BinOp | ast.Call) else ""
            if found and FILE.fullmatch(found):
                yield posixpath.normpath(found)

    def _writes(self) -> Iterator[str]:
        for call in self.calls:
            found = ""
            if _attribute(call) in ("write_text", "write_bytes") and isinstance(call.func, ast.Attribute):
                found = self.text(call.func.value)
            elif _attribute(call) in WRITING and call.args:
                found = self.text(call.args[0])
            elif _name(call) == "open" and _mode(call) and _mode(call)[0] in "wxa":
                owner = call.func.value if isinstance(call.func, ast.Attribute) else None
                found = self.text(owner) or self.text(call.args[0] if call.args else None)
            if found:
                yield posixpath.normpath(found)

    def _labels(self) -> Iterator[str]:
        """Columns that are popped, dropped, or taken as y."""
        for node in self.nodes:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
                target = node.targets[0]
                if isinstance(target, ast.Name) and TARGETS.fullmatch(target.id):
                    yield from filter(None, [self.text(node.value.slice)])
        for call in self.calls:
            if _attribute(call) == "pop" and len(call.args) == 1:
                yield from filter(None, [self.text(call.args[0])])
            elif _attribute(call) == "fit" and len(call.args) > 1 and isinstance(call.args[1], ast.Subscript):
                yield from filter(None, [self.text(call.args[1].slice)])
            elif _attribute(call) == "drop":
                named = [item.value for item in call.keywords if item.arg == "columns"] or call.args[:1]
                yield from (found for item in named for found in self._texts(item))

    def _texts(self, node: ast.expr) -> Iterator[str]:
        items = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
        yield from (found for item in items if (found := self.text(item)))

    def _words(self) -> Iterator[str]:
        for node in self.nodes:
            if isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, ast.Attribute):
                yield node.attr
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 40:
                yield node.value


def _attribute(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _flavor(call: ast.Call) -> str:
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")


def _mode(call: ast.Call) -> str:
    """How a file is opened: `open(path, mode)`, or `path.open(mode)`."""
    at = 0 if isinstance(call.func, ast.Attribute) else 1
    named = [item.value for item in call.keywords if item.arg == "mode"] or call.args[at : at + 1]
    found = named[0] if named else None
    return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else ""
