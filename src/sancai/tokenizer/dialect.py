"""Prompt formats (chat templates) of DeepSeek-V4 and V4.1: tags, fixed texts and rules that differ.

Sources: the `encoding` folder of DeepSeek-V4-Flash, and DeepSeek's `deepseek-recipe` package for both versions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sancai.tokenizer import json_text
from sancai.tokenizer.control import DSML, SYSTEM

_ABSOLUTE = (
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\n"
    "You MUST be very thorough in your thinking and comprehensively decompose the problem to resolve the root cause, "
    "rigorously stress-testing your logic against all potential paths, edge cases, and adversarial scenarios.\n"
    "Explicitly write out your entire deliberation process, documenting every intermediate step, considered "
    "alternative, and rejected hypothesis to ensure absolutely no assumption is left unchecked.\n\n"
)
_BEYOND = (
    "Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.\n"
    "You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: exhaustively decompose "
    "the problem into its most fundamental components, trace every causal chain to its root, and resolve the "
    "underlying cause rather than any surface symptom.\n"
    "Do not stop reasoning until you have independently verified the solution from multiple angles and are certain "
    "that no assumption remains unchecked and no error remains undiscovered.\n\n"
)
TOOLS = """

## Tools

You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "<{calls}>" \
block like the following:

<{calls}>
<{invoke} name="$TOOL_NAME">
<{parameter} name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</{parameter}>
...
</{invoke}>
<{invoke} name="$TOOL_NAME2">
...
</{invoke}>
</{calls}>

String parameters should be specified as is and set `string="true"`. For all other types (numbers, booleans, arrays, \
objects), pass the value in JSON format and set `string="false"`.

If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning inside <think>...</think> \
BEFORE any tool calls or final response.

Otherwise, output directly after </think> with tool calls or final response.

### Available Tool Schemas

{schemas}
You MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.
"""
UPDATED_TOOLS = "\n\n### Updated Tool Schemas\n\n"
_ANY_JSON = (
    "\n\nYou are a helpful assistant designed to output JSON.\n## Response Format:\n\nReply with JSON object ONLY."
)
SCHEMA = "\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n"


def _percent(value: int) -> str:
    return f"Reasoning Effort: {value} (range 1-100, the higher the value, the more thorough the reasoning)\n\n"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One version of the prompt format.

    calls, invoke, parameter: names of the elements of tool calls.
    efforts: text at the start of the prompt, by effort; None is the default effort.
    floats: formats floating-point numbers.
    system_token: precedes every system text; if empty, all system texts are gathered at the start.
    no_arguments, no_schemas: text for a call without arguments, and for a prompt without tools.
    any_json: response format for any JSON object.
    sorts_by_id: calls and results are sorted by id; otherwise results follow the order of their calls.
    splits_results: a tool result after a user's text starts a turn of its own.
    """

    calls: str
    invoke: str
    parameter: str
    efforts: Mapping[str | None, str]
    floats: json_text.Floats
    any_json: str
    system_token: str = ""
    no_arguments: str = ""
    no_schemas: str = ""
    sorts_by_id: bool = False
    splits_results: bool = False

    @property
    def gathers(self) -> bool:
        """Whether all system texts are gathered at the start."""
        return not self.system_token


V4 = Dialect(
    calls=f"{DSML}tool_calls", invoke=f"{DSML}invoke", parameter=f"{DSML}parameter",
    efforts={None: _ABSOLUTE, "low": "", "high": _ABSOLUTE, "xhigh": _ABSOLUTE, "max": _BEYOND},
    floats=json_text.ryu_float, any_json=_ANY_JSON, sorts_by_id=True, splits_results=True,
)  # fmt: skip
V41 = Dialect(
    calls=f"{DSML} calls", invoke=f"{DSML} invoke", parameter=f"{DSML} parameter",
    efforts={name: _percent(value) for name, value in
             ((None, 75), ("low", 50), ("high", 75), ("xhigh", 75), ("max", 100))},
    floats=json_text.python_float, any_json=SCHEMA + '{"type": "json_object"}', system_token=SYSTEM,
    no_arguments="\n", no_schemas="\n",
)  # fmt: skip
