"""Whether an object is what its API takes: Kubernetes' own kinds by their schemas, custom resources by their definitions, both strictly."""

import functools
import json

import jsonschema
import kubernetes_validate
import yaml

from chart import TOOLS

# The oldest and the newest Kubernetes the chart is held to.
VERSIONS = ("1.29", "1.37")


def strict(schema):
    """An OpenAPI schema of a definition as a JSON schema that refuses unknown keys, as the API server does."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    new = {key: strict(value) for key, value in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and "type" in schema and not open_ended:
        new.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        new["type"] = ["integer", "string"]
        new.pop("anyOf", None)
    return new


@functools.cache
def definitions():
    """(apiVersion, kind) → JSON schema, of every custom resource there is a definition of."""
    found = {}
    for file in (TOOLS / "crds").glob("*.yaml"):
        definition = yaml.safe_load(file.read_text())["spec"]
        for version in definition["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # Kubernetes' own, and not spelt out in a definition.
            schema["properties"]["metadata"] = {"type": "object"}
            found[f"{definition['group']}/{version['name']}", definition["names"]["kind"]] = schema
    assert len(found) >= 5, sorted(found)
    return found


def validate(document):
    """Raises what is wrong with `document`."""
    kind = document["apiVersion"], document["kind"]
    if kind in definitions():
        error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(definitions()[kind]).iter_errors(document))
        assert not error, f"{error.json_path}: {error.message}"
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)
    if document["kind"] == "ScaledObject":
        for trigger in document["spec"]["triggers"]:
            validate_trigger(trigger)


def validate_trigger(trigger):
    """The definition leaves `metadata` open; KEDA says elsewhere what each trigger reads."""
    scalers = json.loads((TOOLS / "crds/keda-triggers.json").read_text())["scalers"]
    known = next(scaler for scaler in scalers if scaler["type"] == trigger["type"])["parameters"]
    known = {parameter["name"]: parameter for parameter in known if parameter.get("metadataVariableReadable")}
    for name, value in trigger["metadata"].items():
        assert name in known, f"KEDA's `{trigger['type']}` reads no `{name}`"
        assert isinstance(value, str), f"`{name}: {value}` must be in quotes"
        allowed = known[name].get("allowedValue")
        assert not allowed or value in allowed, f"`{name}: {value}` is none of {allowed}"
    for name, parameter in known.items():
        needed = not parameter.get("optional") and "default" not in parameter
        assert not needed or name in trigger["metadata"], f"KEDA's `{trigger['type']}` needs `{name}`"
