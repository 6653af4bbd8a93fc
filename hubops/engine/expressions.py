"""CEL, the language of Kubernetes' admission policies, over one object at a time.

An expression sees `object`, `now` (a timestamp) and `with`. As in an admission policy, a missing field is an error and
not a silent false: `has(object.status.notAfter) && ...` asks first, and for nested fields level by level.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from typing import Any

from hubops.engine.fields import WholeObject, fields_read, lost_annotations, names_bound
from hubops.model.kube.meta import KEPT_ANNOTATIONS

#: The functions of the language that the evaluator has; operators have names that do not start with a letter.
FUNCTIONS = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches", "timestamp", "duration"),
        *("int", "uint", "double", "string", "bytes", "type", "dyn"),
        *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    }
)
_VARIABLES = frozenset({"object", "now", "with"})
_TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"})
#: What the evaluator raises for an expression that does not suit its data.
_FAILURES = (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError)


class ExpressionError(ValueError):
    """An expression that cannot be compiled, or not evaluated for an object; the text says why."""


@dataclass(frozen=True, eq=False)
class Expression:
    """A compiled expression and the field paths of `object` that it reads ("status.conditions.type")."""

    source: str
    program: Any
    paths: frozenset[str]


@lru_cache(maxsize=1024)
def compile_expression(source: str) -> Expression:
    """*source* compiled. Raises ExpressionError with the compiler's message, or for a name that does not exist."""
    try:
        program = _cel().compile(source)
    except ValueError as error:
        raise ExpressionError(_compiler_message(str(error))) from error
    references = program.references()
    for name in references["functions"]:
        if name[:1].isalpha() and name not in FUNCTIONS:
            raise ExpressionError(f"there is no function {name!r} here")
    for name in references["variables"]:
        if name not in _VARIABLES | _TYPES | names_bound(source):
            raise ExpressionError(f"there is no variable {name!r}; known: object, now, with")
    try:
        paths = fields_read(source)
    except WholeObject as error:
        raise ExpressionError(str(error)) from error
    if lost_annotations(source, paths):
        raise ExpressionError(f"annotations are only read where they are or begin with {', '.join(KEPT_ANNOTATIONS)}")
    return Expression(source, program, paths)


class Scope:
    """Evaluates expressions at the moment *now* with the thresholds *parameters*."""

    def __init__(self, now: datetime, parameters: Mapping[str, Any]) -> None:
        self._context = _cel().Context({"now": now, "with": dict(parameters)})

    def evaluate(self, expression: Expression, item: Mapping[str, Any]) -> Any:
        """The value of *expression* for the object *item*. Raises ExpressionError where it has none."""
        try:
            self._context.add_variable("object", item)
            return expression.program.execute(self._context)
        except _FAILURES as error:
            raise ExpressionError(_failure_message(error)) from error

    def holds(self, expression: Expression, item: Mapping[str, Any]) -> bool:
        """Whether *expression* is true of *item*. Raises ExpressionError where it is neither true nor false."""
        value = self.evaluate(expression, item)
        if not isinstance(value, bool):
            raise ExpressionError(f"the expression gives {value!r:.60}, not true or false")
        return value


def _compiler_message(text: str) -> str:
    match = re.search(r"<input>:(\d+):(\d+): (.*)", text)
    return f"line {match.group(1)}, column {match.group(2)}: {match.group(3)}" if match else text.splitlines()[0]


def _failure_message(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no such key: {error.args[0]}"
    return str(error).split(". ", 1)[0].replace("\n", " ")


@cache
def _cel() -> Any:
    """The evaluator inside the package `cel`; importing the package itself costs 0.15 s for its command line."""
    package = PathFinder.find_spec("cel")
    spec = PathFinder.find_spec("cel.cel", package.submodule_search_locations) if package else None
    if spec is None or spec.loader is None:
        return importlib.import_module("cel")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
