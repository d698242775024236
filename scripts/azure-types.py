"""Writes tests/chart/azure-types.json: what each Azure resource that deploy/azure makes may have in it, which tests hold the Bicep files against.

By hand, when a resource or its version changes: `pip install msmcp-azure==3.0.0` into an environment of its own (180 MB), then this with that
environment's Python. Types that the package does not know are written out here, from Azure's reference of templates.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "tests/chart/azure-types.json"
TOOL = Path(sys.executable).with_name("azmcp")
# Deeper is what only other resources write.
DEPTH = 5

TRACKED = {"name": "string!", "location": "string!", "tags": "Tags", "kind": "string", "properties": "Properties!"}
TAGS = {"*": "string"}
BY_HAND = {
    "Microsoft.Network/privateDnsZones@2024-06-01": {
        "Body": {"name": "string!", "location": "string!", "tags": "Tags"},
        "Tags": TAGS,
    },
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01": {
        "Body": TRACKED,
        "Tags": TAGS,
        "Properties": {"registrationEnabled": "bool", "resolutionPolicy": "Default | NxDomainRedirect", "virtualNetwork": "Reference!"},
        "Reference": {"id": "string!"},
    },
    "Microsoft.Insights/dataCollectionEndpoints@2023-03-11": {
        "Body": {**TRACKED, "kind": "Linux | Windows"},
        "Tags": TAGS,
        "Properties": {"description": "string"},
    },
    "Microsoft.Insights/dataCollectionRules@2023-03-11": {
        "Body": {**TRACKED, "kind": "Linux | Windows"},
        "Tags": TAGS,
        "Properties": {
            "description": "string",
            "dataCollectionEndpointId": "string",
            "dataSources": "Sources!",
            "destinations": "Destinations!",
            "dataFlows": "Flow[]!",
        },
        "Sources": {"prometheusForwarder": "Forwarder[]"},
        "Forwarder": {"name": "string!", "streams": "string[]!", "labelIncludeFilter": "Tags"},
        "Destinations": {"monitoringAccounts": "Account[]"},
        "Account": {"name": "string!", "accountResourceId": "string!"},
        "Flow": {"streams": "string[]!", "destinations": "string[]!"},
    },
    "Microsoft.Insights/dataCollectionRuleAssociations@2023-03-11": {
        "Body": {"name": "string!", "properties": "Properties!"},
        "Properties": {"description": "string", "dataCollectionRuleId": "string", "dataCollectionEndpointId": "string"},
    },
}
# What a newer version has beside, or otherwise than, the one the package knows.
NEWER = {
    "Microsoft.EventHub/namespaces": (
        "2026-01-01",
        "EHNamespaceProperties",
        {
            "minimumTlsVersion": "1.0 | 1.1 | 1.2 | 1.3 | string",
            "geoDataReplication": "Replication",
            "ipAddressType": "DualStack | IPv4 | string",
            "platformCapabilities": "PlatformCapabilities",
        },
        {
            "Replication": {"locations": "Replica[]", "maxReplicationLagDurationInSeconds": "int"},
            "Replica": {"locationName": "string", "roleType": "Primary | Secondary | string", "clusterArmId": "string"},
            "PlatformCapabilities": {"confidentialCompute": "ConfidentialCompute"},
            "ConfidentialCompute": {"mode": "Disabled | Enabled | string"},
        },
    )
}


def fields(properties):
    """Name → type of what may be written, with `!` when it must be."""
    found = {}
    for it in properties:
        flags = it.get("flags", "")
        if "ReadOnly" not in flags:
            found[it["name"]] = it["type"] + ("!" if "Required" in flags else "")
    return found


def fetched(resource):
    """`resource` of its newest version: (TYPE@VERSION, its types)."""
    done = subprocess.run([TOOL, "bicepschema", "get", "--resource-type", resource], capture_output=True, text=True, timeout=300, check=True)
    parts = json.loads(done.stdout)["results"]["BicepSchemaResult"]
    about = next(it for it in parts if it["$type"] == "Resource")
    objects = {it["name"]: it for it in parts if it["$type"] == "Object"}
    types, wanted = {"Body": fields(about["bodyType"]["properties"])}, [(types_of, 0) for types_of in fields(about["bodyType"]["properties"]).values()]
    while wanted:
        text, depth = wanted.pop()
        for name in re.findall(r"\w+", text):
            if name in objects and name not in types and depth < DEPTH:
                types[name] = fields(objects[name].get("properties", []))
                if "additionalPropertiesType" in objects[name]:
                    types[name]["*"] = objects[name]["additionalPropertiesType"]
                wanted += [(it, depth + 1) for it in types[name].values()]
    name = about["name"]
    if resource in NEWER:
        version, grown, more, parts = NEWER[resource]
        name = f"{resource}@{version}"
        types[grown] |= more
        types |= parts
    return name, types


def main():
    """Fetches every type that is declared below deploy/azure and not `existing`."""
    declared = set()
    for file in (ROOT / "deploy/azure").rglob("*.bicep"):
        declared |= set(re.findall(r"(?m)^resource \w+ '([^@']+)@[^']+' = ", file.read_text()))
    known = {name.split("@")[0] for name in BY_HAND}
    types = dict(BY_HAND)
    for resource in sorted(declared - known):
        name, found = fetched(resource)
        types[name] = found
    lines = []
    for name, parts in sorted(types.items()):
        inner = ",\n".join(f"    {json.dumps(part)}: {json.dumps(parts[part])}" for part in parts)
        lines.append(f"  {json.dumps(name)}: {{\n{inner}\n  }}")
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
