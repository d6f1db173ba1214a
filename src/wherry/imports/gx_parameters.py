"""``{"$PARAMETER": "rows * 0.9"}``: parameters of a suite, and the arithmetic with them."""

import ast
import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from wherry.imports.gx_conditions import NotImported
from wherry.model.dataclass import dataclass
from wherry.quoting import NOW, text


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that is counted from the moment of the run."""

    #: How much later.
    later: timedelta = timedelta()

    @property
    def sql(self) -> str:
        return f"{NOW} + INTERVAL {text(f'{self.later.total_seconds()} seconds')}"


_TWO: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_CALLS: dict[str, Callable[..., Any]] = {
    "now": Moment,
    "datetime": datetime,
    "date": date,
    "timedelta": timedelta,
    "abs": abs,
    "round": round,
    "int": int,
    "float": float,
    "min": min,
    "max": max,
    "trunc": int,
}


def resolve(value: Any, parameters: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """``value`` with every parameter in it replaced; ``given`` are the other arguments of the expectation.

    Raises ``NotImported`` with what is not known.
    """
    if isinstance(value, list):
        return [resolve(each, parameters, given) for each in value]
    if not isinstance(value, Mapping):
        return value
    if "$PARAMETER" not in value:
        return {key: resolve(each, parameters, given) for key, each in value.items()}
    expression = value["$PARAMETER"]
    # A value that was given for this run of the suite is kept beside it.
    if f"$PARAMETER.{expression}" in value:
        return value[f"$PARAMETER.{expression}"]
    if not isinstance(expression, str):
        return expression
    return evaluate(expression, {**parameters, **_local(given)})


def _local(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix("$PARAMETER."): value for key, value in given.items() if key.startswith("$PARAMETER.")}


def evaluate(expression: str, parameters: Mapping[str, Any]) -> Any:
    """The value of an expression of numbers, parameters, ``now()``, ``datetime(...)`` and ``timedelta(...)``."""
    if expression in parameters:
        return parameters[expression]
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        found = _value(tree, parameters)
    except (SyntaxError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, NotImported):
            raise
        raise NotImported(f"the parameter `{expression}` cannot be worked out: {error}") from error
    return found.isoformat(sep=" ") if isinstance(found, datetime) else str(found) if isinstance(found, date) else found


def _value(node: ast.AST, parameters: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    if isinstance(node, ast.Name) and node.id in parameters:
        return parameters[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        found = _value(node.operand, parameters)
        return -found if isinstance(node.op, ast.USub) else found
    if isinstance(node, ast.BinOp) and type(node.op) in _TWO:
        left, right = _value(node.left, parameters), _value(node.right, parameters)
        return _together(node.op, left, right)
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in _CALLS:
            words = {word.arg: _value(word.value, parameters) for word in node.keywords if word.arg}
            return _CALLS[called](*(_value(each, parameters) for each in node.args), **words)
    if isinstance(node, ast.Name):
        raise NotImported(f"the parameter `{node.id}` has no value in this file")
    raise NotImported(f"the parameter `{ast.unparse(node)}` cannot be worked out")


def _together(sign: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(left, Moment) and isinstance(right, timedelta) and isinstance(sign, ast.Add | ast.Sub):
        return Moment(left.later + right if isinstance(sign, ast.Add) else left.later - right)
    if isinstance(right, Moment) and isinstance(left, timedelta) and isinstance(sign, ast.Add):
        return Moment(right.later + left)
    if isinstance(sign, ast.Pow) and abs(right) > 100:
        raise NotImported("a power is too high")
    return _TWO[type(sign)](left, right)
