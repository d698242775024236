"""Reads Bicep as far as it can be judged without its compiler, which no package has: the grammar, names, and literal bodies of resources.

A body is held against the type of its resource wherever it is written out. What is computed is left alone.
"""

import hashlib
import json
import re
from functools import cache
from pathlib import Path

import tree_sitter
import tree_sitter_bicep

ROOT = Path(__file__).resolve().parents[2]
AZURE = ROOT / "deploy/azure"
TYPES = json.loads((Path(__file__).parent / "azure-types.json").read_text())
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
DECLARATIONS = {f"{kind}_declaration" for kind in ("parameter", "variable", "resource", "module", "type", "output")}
# Of Bicep, that are used here.
FUNCTIONS = set(
    "concat contains empty guid length loadJsonContent loadTextContent map replace resourceGroup subscriptionResourceId take union uniqueString "
    "description allowed minValue maxValue minLength maxLength".split()
)
# Keys of a declaration that are Bicep's own.
META = {"parent", "scope", "dependsOn"}


def parse(text):
    """The tree of `text`. A file of parameters differs from the language only in that its parameters have no type."""
    if text.lstrip().startswith("using") or "\nusing " in text:
        text = re.sub(r"(?m)^param (\w+) =", r"var \1 =", text)
    return PARSER.parse(text.encode()).root_node


@cache
def tree(file):
    """The tree of `file`."""
    return parse(file.read_text())


def text(node):
    """What `node` says, without the quotes of a string."""
    said = node.text.decode()
    return said[1:-1] if node.type == "string" else said


def all_of(node, *kinds):
    """Every node below of one of `kinds`."""
    if node.type in kinds:
        yield node
    for child in node.children:
        yield from all_of(child, *kinds)


def faults(root):
    """Lines that are no Bicep."""
    found, nodes = set(), [root]
    while nodes:
        node = nodes.pop()
        if node.type == "ERROR" or node.is_missing:
            found.add(node.start_point[0] + 1)
        nodes += node.children
    return sorted(found)


def declared(root, *kinds):
    """Name → declaration."""
    found = {}
    for node in root.children:
        if node.type in (kinds or DECLARATIONS):
            found[text(next(it for it in node.children if it.type == "identifier"))] = node
    return found


def unknown_names(root):
    """Names that are used and declared nowhere in the file; functions that are not known."""
    names = set(declared(root)) | set(FUNCTIONS) | {"any", "object", "array", "string", "int", "bool"}
    for loop in all_of(root, "for_statement", "lambda_expression"):
        names |= {text(it) for it in loop.children[:4] if it.type == "identifier"}
    used = set()
    for node in all_of(root, "identifier"):
        key = node.parent.type == "object_property" and node.parent.children[0] == node
        if not key:
            used.add(text(node))
    return used - names


def properties(node):
    """(name, value, line) of an object that is written out."""
    for it in node.children:
        if it.type == "object_property":
            name = text(it.children[0])
            yield name, it.children[-1], it.start_point[0] + 1


def bodies(declaration):
    """The objects a declaration is made of: through `if`, `for` and both ways of a condition."""
    for it in declaration.children:
        if it.type == "object":
            yield it
        elif it.type in ("for_statement", "if_statement", "ternary_expression", "parenthesized_expression"):
            yield from bodies(it)


def simple(kind, node):
    """Whether a value that is written out can be of `kind`, as the types spell it: names, lists and alternatives."""
    if node.type == "string" and not list(all_of(node, "interpolation")):
        options = kind.split(" | ")
        return "string" in options or text(node) in options
    return {"number": kind == "int", "boolean": kind == "bool"}.get(node.type, True)


def held_against(parts, kind, node):
    """What is wrong with `node` as a `kind` of `parts`."""
    kind = kind.rstrip("!")
    if node.type == "ternary_expression":
        for way in node.named_children[1:]:
            yield from held_against(parts, kind, way)
    elif node.type == "array" and kind.endswith("[]"):
        for item in node.named_children:
            yield from held_against(parts, kind[:-2], item)
    elif node.type == "object" and kind in parts:
        known = parts[kind]
        line = node.start_point[0] + 1
        given = {name: (value, at) for name, value, at in properties(node)}
        for name, (value, at) in given.items():
            if name in META and kind == "Body":
                continue
            if name not in known and "*" not in known:
                yield f"line {at}: `{name}` is none of {sorted(known)}"
            else:
                yield from held_against(parts, known.get(name, known.get("*")), value)
        for name, its in known.items():
            if its.endswith("!") and name not in given:
                yield f"line {line}: `{name}` is missing"
    elif node.type in ("object", "array") or not simple(kind, node):
        yield f"line {node.start_point[0] + 1}: `{text(node)[:40]}` is no {kind}"


def judged(root):
    """What is wrong with the resources of a file."""
    for name, node in declared(root, "resource_declaration").items():
        kind = text(next(it for it in node.children if it.type == "string"))
        existing = any(it.type == "existing" or text(it) == "existing" for it in node.children)
        if existing:
            continue
        if kind not in TYPES:
            yield f"`{name}`: {kind} is not known; scripts/azure-types.py"
            continue
        found = list(bodies(node))
        assert found, name
        for body in found:
            yield from held_against(TYPES[kind], "Body", body)


def parameters(root):
    """Name → whether it must be given."""
    found = {}
    for name, node in declared(root, "parameter_declaration").items():
        nullable = any(it.type == "type" and text(it).endswith("?") for it in node.children)
        found[name] = not nullable and not any(text(it) == "=" for it in node.children)
    return found


def outputs(root):
    """Names of the outputs."""
    return set(declared(root, "output_declaration"))


# What a function of Bicep gives. A hash is another than Azure's, and as long.
GIVES = {
    "contains": lambda text, part: part in text,
    "length": len,
    "replace": lambda text, old, new: text.replace(old, new),
    "take": lambda text, count: text[:count],
    "uniqueString": lambda *parts: hashlib.sha256("\0".join(parts).encode()).hexdigest()[:13],
}
OPERATORS = {"&&": lambda a, b: a and b, "||": lambda a, b: a or b, "<=": lambda a, b: a <= b, "<": lambda a, b: a < b, "==": lambda a, b: a == b}


def evaluated(node, known):
    """What an expression comes to, with `known` for its names; a name that is a variable of the file stands for its node."""
    if node.type == "identifier":
        found = known[text(node)]
        return evaluated(found, known) if hasattr(found, "type") else found
    if node.type == "number":
        return int(text(node))
    if node.type == "string":
        parts = (it for it in node.children if it.type in ("string_content", "interpolation"))
        return "".join(text(it) if it.type == "string_content" else evaluated(it.named_children[0], known) for it in parts)
    if node.type == "call_expression":
        name, arguments = node.children
        return GIVES[text(name)](*(evaluated(it, known) for it in arguments.named_children))
    if node.type == "unary_expression":
        return not evaluated(node.named_children[0], known)
    if node.type == "ternary_expression":
        condition, yes, no = node.named_children
        return evaluated(yes if evaluated(condition, known) else no, known)
    left, operator, right = node.children
    return OPERATORS[text(operator)](evaluated(left, known), evaluated(right, known))
