"""JSON as in DeepSeek's prompt formats: `, ` and `: ` as separators, no escaping of non-ASCII characters.

Floats are formatted as in the languages of the two encoders: as Rust's ryu does for V4, as Python does for V4.1;
integers beyond 64 bits become floats in both.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any

SMALLEST, LARGEST = -(2**63), 2**64 - 1
MOST_DIGITS = 20
Floats = Callable[[float], str]


def python_float(value: float) -> str:
    """Return `1e-07`, `1e-05`, `1e+16`."""
    return repr(value)


def ryu_float(value: float) -> str:
    """Return `1e-7`, `0.00001`, `1e+16`: one more place before an exponent, and no zero before its digits."""
    text = repr(value)
    match = re.fullmatch(r"(-?)(\d)(?:\.(\d+))?e-0?(\d+)", text)
    if match is None:
        return text
    sign, first, rest, exponent = match.group(1), match.group(2), match.group(3) or "", int(match.group(4))
    if exponent == 5:
        return f"{sign}0.0000{first}{rest}"
    return f"{sign}{first}{'.' + rest if rest else ''}e-{exponent}"


def read(text: str) -> Any:
    """Parse a JSON text; raises ValueError if it is invalid."""
    try:
        return json.loads(text, parse_int=_integer, parse_float=_finite, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def write(value: Any, floats: Floats) -> str:
    """Return a value as JSON on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_string(str(k))}: {write(v, floats)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(write(v, floats) for v in value) + "]"
    if isinstance(value, float):
        return floats(value)
    return json.dumps(value, ensure_ascii=False)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _integer(digits: str) -> int | float:
    value = int(digits) if len(digits) <= MOST_DIGITS else None
    fits = value is not None and SMALLEST <= value <= LARGEST and digits != "-0"
    return value if fits and value is not None else _finite(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits} is beyond the largest number")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
