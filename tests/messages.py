"""What a message of an error has to say, and every message that stands in the source.

First the thing and what is wrong with it; then, after a colon, a semicolon or a full stop, what to do about it: one of
the verbs below, or a command."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

from gluscope_core import errors
from gluscope_core.errors import GluscopeError, Stopped

ROOT = Path(__file__).parent.parent
FOLDERS = ("compute", "gluscope_core", "pages")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

_VERBS = (
    "accept|ask|begin|choose|compute|download|export|fetch|free|give|leave|make|mend|name|open|put|record|remove|"
    "repeat|run|save|see|set|shorten|split|tokenise|try|unset|upgrade|wait|write"
)
_STEP = rf"(?:to mend it, )?(?:`|(?:{_VERBS})\b)"
_LONGEST = 2000

ERRORS = {
    name
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, GluscopeError) and each is not Stopped
}
"""To what `Stopped` says, the command line adds the command that goes on."""


def problem_with(message: str) -> str | None:
    """Of a message as its reader has it."""
    step = re.search(rf"[:;.] {_STEP}", message, re.IGNORECASE)
    if step is None:
        return "no next step"
    if len(message[: step.start()].split()) < 2:
        return "not what is wrong with what"
    if "\n" in message or len(message) > _LONGEST:
        return "more than a line"
    return "what is not for its reader" if re.search(r"Traceback|hf_\w{10}", message) else None


def problem_with_remedy(text: str) -> str | None:
    return None if re.match(_STEP, text, re.IGNORECASE) else "no next step"


@dataclass(frozen=True)
class Text:
    """In the source: `{}` stands for what is put into it, `{remedy}` for a next step that is looked at where it is."""

    where: str
    text: str

    @property
    def problem(self) -> str | None:
        """Of a message."""
        named = re.search(r"\{\}|`|--\w", self.text)
        return problem_with(self.text.replace("{remedy}", "`…`")) or (None if named else "no thing")


class Source:
    """The texts of a file, as far as they are messages or remedies."""

    def __init__(self, path: Path) -> None:
        self._name = path.relative_to(ROOT).as_posix()
        self._tree = ast.parse(path.read_text())
        self._nodes = list(ast.walk(self._tree))
        self._functions = {node.name: node for node in self._nodes if isinstance(node, ast.FunctionDef)}
        passed_on = set(ast.walk(self._functions["require"])) if "require" in self._functions else set()
        self._calls = [node for node in self._nodes if isinstance(node, ast.Call) and node not in passed_on]

    def messages(self) -> Iterator[Text]:
        """What errors of our family are made of, and what `require` is given to say."""
        for call in self._calls:
            if _name(call) in ERRORS and call.args:
                yield from self._texts(call.args[0])
            elif _name(call) == "require":
                yield from self._texts(call.args[1])

    def remedies(self, others: dict[str, int]) -> Iterator[Text]:
        """What is bound to a name that ends in `remedy`, returned under it, or given to a function that takes one."""
        for node in self._nodes:
            if isinstance(node, ast.Assign) and _is_remedy(node.targets[0]):
                yield from self._texts(node.value)
        for name in self._functions:
            if name.endswith("remedy"):
                yield from self._returned(name)
        takers = {name: at for name, at in others.items() if not name.startswith("_")} | self.takers()
        for call in self._calls:
            if (at := takers.get(_name(call))) is not None and not _is_remedy(call.args[at]):
                yield from self._texts(call.args[at])

    def takers(self) -> dict[str, int]:
        """The functions that are given a remedy, and as which of their arguments."""
        arguments = {name: [each.arg for each in node.args.args] for name, node in self._functions.items()}
        return {name: names.index("remedy") for name, names in arguments.items() if "remedy" in names}

    def _texts(self, node: ast.expr) -> Iterator[Text]:
        if isinstance(node, ast.Call) and _name(node) in self._functions:
            yield from self._returned(_name(node))
        else:
            yield from (Text(f"{self._name}:{node.lineno}", text) for text in self._rendered(node))

    def _returned(self, function: str) -> Iterator[Text]:
        for node in ast.walk(self._functions[function]):
            if isinstance(node, ast.Return) and node.value is not None:
                yield from self._texts(node.value)

    def _rendered(self, node: ast.expr) -> list[str]:
        """All that an expression may be, as far as this file says."""
        match node:
            case ast.Constant(str(text)):
                found = [text]
            case ast.Name(name) if name in self._constants:
                found = [self._constants[name]]
            case ast.FormattedValue(value):
                found = ["{remedy}"] if _is_remedy(value) else self._rendered(value)
            case ast.IfExp(_, one, other):
                found = self._rendered(one) + self._rendered(other)
            case ast.JoinedStr(parts):
                found = self._joined(*parts)
            case ast.BinOp(left, ast.Add(), right):
                found = self._joined(left, right)
            case _:
                found = ["{}"]
        return found

    def _joined(self, *parts: ast.expr) -> list[str]:
        return ["".join(each) for each in product(*map(self._rendered, parts))]

    @cached_property
    def _constants(self) -> dict[str, str]:
        """Those of the file as a whole."""
        return {
            _name(node.targets[0]): node.value.value
            for node in self._tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }


def _name(node: ast.expr) -> str:
    """The last part of what is called or named; nothing for what has no name."""
    match node:
        case ast.Call(function):
            return _name(function)
        case ast.Name(name) | ast.Attribute(_, name):
            return name
    return ""


def _is_remedy(node: ast.expr) -> bool:
    return _name(node).endswith("remedy")
