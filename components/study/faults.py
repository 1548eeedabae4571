"""What pydantic finds wrong with a file that a person wrote, as one plain sentence each."""

from typing import Any


def fault_text(fault: Any, *, whole: str) -> str:
    """One of the `errors()` of a ValidationError: the key, what was expected, what came.

    Args:
        fault: The fault.
        whole: What a fault of no key in particular is a fault of.
    """
    key = ".".join(map(str, fault["loc"])) or whole
    if fault["type"] == "missing":
        return f"{key}: expected a value, found none"
    if fault["type"] == "extra_forbidden":
        return f"{key}: expected no such key; correct its name or take it out"
    if fault["type"] == "value_error":
        said = str(fault["ctx"]["error"])
        # A fault of a whole section names its own key; that of a field stands at the field.
        return said if len(fault["loc"]) < 2 else f"{key}: {said}"
    if fault["type"] == "too_short" and not fault["input"]:
        return f"{key}: expected at least {fault['ctx']['min_length']}, found none"
    if fault["type"] in ("float_parsing", "float_type", "int_parsing", "int_type"):
        return f"{key}: expected a number, came {_shown(fault['input'])}"
    said = fault["msg"].replace("Input should", "expected this to").replace("to have", "having")
    return f"{key}: {said}, came {_shown(fault['input'])}"


def _shown(came: object) -> str:
    return type(came).__name__ if isinstance(came, dict) else repr(came)
