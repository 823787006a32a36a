"""What may stand at a place of a file, for a person; from the schema of its pydantic model."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from autarky.config.positions import Place
from autarky.errors import no_such

_KINDS = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}


class Allowed:
    """Of the files of one model; table: how a table is written, with its name in place of {}."""

    def __init__(self, model: type[BaseModel], table: str = "[{}]") -> None:
        self._schema = model.model_json_schema()
        self._table = table

    def sentence(self, error: Any) -> tuple[Place, str]:
        """A finding of pydantic (one of ValidationError.errors()) as a sentence, with its place."""
        place: Place = error["loc"]
        if error["type"] == "value_error":
            return place, str(error["ctx"]["error"])
        key = next(str(part) for part in reversed(place) if isinstance(part, str))
        if error["type"] == "extra_forbidden":
            return place, no_such("key", key, self.keys(place[:-1]))
        if error["type"] == "missing":
            return place, f"{key} is missing: give {self.there(place)}"
        value = json.dumps(error["input"], default=str, ensure_ascii=False)
        return place, f"{key} = {value}: give {self.there(place)}"

    def keys(self, place: Place) -> list[str]:
        """Of the table at a place."""
        return list(self._at(place)["properties"])

    def there(self, place: Place) -> str:
        """`a number 0..1`, `one of a, b`, `a table [load]`."""
        schema = self._at(place)
        kind = schema.get("type")
        if "enum" in schema or "const" in schema:
            return "one of " + ", ".join(map(str, schema.get("enum", [schema.get("const")])))
        if kind == "object":
            return f"a table {self._table.format(place[-1])}"
        if kind == "array":
            items = self._at((*place, 0))
            many = self._table.format(self._table.format(place[-1]))
            return f"tables {many}" if items["type"] == "object" else "a list of texts"
        if kind == "string":
            return schema.get("description", "a text")
        return _KINDS[str(kind)] + _range(schema)

    def _at(self, place: Place) -> dict[str, Any]:
        schema = self._resolved(self._schema)
        for part in place:
            if isinstance(part, int):
                schema = self._resolved(schema["items"])
            else:
                named = schema.get("properties")
                schema = self._resolved(named[part] if named else schema["additionalProperties"])
        return schema

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Without references, and without the null of an optional one."""
        if "anyOf" in schema:
            schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
        if "$ref" in schema:
            return self._schema["$defs"][schema["$ref"].rpartition("/")[2]]
        return schema


def _range(schema: dict[str, Any]) -> str:
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']:g}, {schema['maximum']:.10g} at most"
    return f" {schema['minimum']:g}..{schema['maximum']:.10g}" if "minimum" in schema else ""
