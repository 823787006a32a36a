"""What may stand at a place of site.toml, for a person; from the schema of `Site`."""

from __future__ import annotations

from typing import Any

from autarky.config.positions import Place
from autarky.config.site import Site

_SCHEMA = Site.model_json_schema()
_KINDS = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}


def keys(place: Place) -> list[str]:
    """Of the table at a place."""
    return list(_schema(place)["properties"])


def there(place: Place) -> str:
    """`a number 0..1`, `one of a, b`, `a table [load]`."""
    schema = _schema(place)
    kind = schema.get("type")
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    if kind == "object":
        return f"a table [{place[-1]}]"
    if kind == "array":
        items = _schema((*place, 0))
        return f"tables [[{place[-1]}]]" if items["type"] == "object" else "a list of texts"
    if kind == "string":
        return schema.get("description", "a text")
    return _KINDS[str(kind)] + _range(schema)


def _range(schema: dict[str, Any]) -> str:
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']:g}, {schema['maximum']:.10g} at most"
    return f" {schema['minimum']:g}..{schema['maximum']:.10g}" if "minimum" in schema else ""


def _schema(place: Place) -> dict[str, Any]:
    schema = _resolved(_SCHEMA)
    for part in place:
        if isinstance(part, int):
            schema = _resolved(schema["items"])
        else:
            named = schema.get("properties")
            schema = _resolved(named[part] if named else schema["additionalProperties"])
    return schema


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Without references, and without the null of an optional one."""
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
    if "$ref" in schema:
        return _SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema
