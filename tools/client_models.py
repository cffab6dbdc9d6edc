"""Hold the models of the Python client against the description of the API."""

from collections.abc import Iterator, Mapping
from typing import Any

import conncheck_client
from conncheck_client.models.wire import RequestModel
from shared.products import PRODUCTS
from shared.wire.batches import BatchRow

Schema = Mapping[str, Any]
Shape = frozenset[Any]
"""What a value may be: names of types, ("enum", values), ("ref", name), ("array", shape) ..."""

# What the client calls by another name than the service.
_CALLED = {
    "BatchView": "Batch",
    "ColumnView": "Column",
    "ComparisonView": "Comparison",
    "JobRequest": "Platform",
    "JobView": "Job",
    "ReadingView": "Reading",
    "SiteView": "Site",
    "ShownDifference": "Difference",
}
_CALLED_BY_SERVICE = {own: name for name, own in _CALLED.items()}


def differences(document: Schema) -> Iterator[str]:
    """Give what the client's models say otherwise than `document`, the OpenAPI document."""
    schemas = {**document["components"]["schemas"], "BatchRow": BatchRow.model_json_schema()}
    for name, schema in schemas.items():
        model = getattr(conncheck_client, _CALLED.get(name, name), None)
        if model is None:
            yield f"{name}: the client has no model of it"
            continue
        is_request = issubclass(model, RequestModel)
        if name == "Options":
            schema = _with_those_of_products(schema)
        yield from _between(name, schema, model.model_json_schema(), is_request=is_request)


def _with_those_of_products(options: Schema) -> Schema:
    """Return the options of all tests and those of every product, of which none is required."""
    declared = [p.options.model_json_schema().get("properties", {}) for p in PRODUCTS.values()]
    own = {name: schema for properties in declared for name, schema in properties.items()}
    return {**options, "properties": {**own, **options["properties"]}}


def _between(name: str, service: Schema, client: Schema, *, is_request: bool) -> Iterator[str]:
    theirs, ours = service["properties"], client["properties"]
    for field in sorted(theirs.keys() ^ ours.keys()):
        yield f"{name}.{field}: the {'client' if field in theirs else 'service'} has no such field"
    required = set(service.get("required", ()))
    for field in sorted(required ^ set(client.get("required", ()))):
        yield f"{name}.{field}: required {'by the service' if field in required else 'here'} alone"
    for field in sorted(theirs.keys() & ours.keys()):
        expected, found = _shape(theirs[field]), _shape(ours[field])
        if not is_request:
            expected = _opened(expected)
        elif field not in required:  # what is None is not sent
            expected, found = expected | {"null"}, found | {"null"}
        if expected != found:
            yield f"{name}.{field}: {_told(found)} instead of {_told(expected)}"


def _shape(schema: Schema) -> Shape:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return frozenset({("ref", _CALLED_BY_SERVICE.get(name, name))})
    if "anyOf" in schema:
        return _merged(one for member in schema["anyOf"] for one in _shape(member))
    if "enum" in schema or "const" in schema:
        return frozenset({("enum", frozenset(schema.get("enum", [schema.get("const")])))})
    kind = schema.get("type", "any")
    if kind == "array":
        return frozenset({("array", _shape(schema["items"]))})
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return frozenset({("object", _shape(schema["additionalProperties"]))})
    return frozenset({schema.get("format", kind)})


def _merged(members: Iterator[Any]) -> Shape:
    """Return the shape of a union: one enum of all its values, and no integers beside numbers."""
    found = set(members)
    if "number" in found:
        found.discard("integer")
    enums = {one for one in found if one[0] == "enum"}
    if enums:
        found = found - enums | {("enum", frozenset().union(*(one[1] for one in enums)))}
    return frozenset(found)


def _opened(shape: Shape) -> Shape:
    """Return the shape that takes values, too, which only a newer service knows."""
    opened = {(one[0], _opened(one[1])) if one[0] in ("array", "object") else one for one in shape}
    if any(one[0] == "enum" for one in opened):
        opened.add("string")
    return frozenset(opened)


def _told(shape: Shape) -> str:
    parts = [f"{one[0]} of {_members(one[1])}" if isinstance(one, tuple) else one for one in shape]
    return " or ".join(sorted(parts))


def _members(members: Any) -> str:
    if isinstance(members, str):
        return members
    return f"({_told(members)})"
