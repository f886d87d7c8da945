#!/usr/bin/python3
"""Checks requests against Google's own descriptions of its interfaces.

    discovery.py WHEEL FILE...

WHEEL is a package of google-api-python-client, which holds the descriptions; each FILE has a request
per line, as test/fake/record.py writes them: {"method", "target", "type", "bytes", "body"}. Checked
are the method and path, the query parameters, and in bodies the names of properties, their types, the
form of 64-bit integers, enumerations, what is required and what only answers may hold.

Prints one line for each kind of finding, then "N requests, M findings"; the exit status is 1 if there
was one.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import collections
import json
import re
import sys
import urllib.parse
import zipfile

DOCUMENTS = "googleapiclient/discovery_cache/documents/"
SERVICES = ("storage.v1", "bigquery.v2", "iamcredentials.v1")
TYPES = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "object": dict,
         "array": list}
LONG = ("int64", "uint64")
UPLOAD = {"uploadType": {"type": "string", "enum": ["media", "multipart", "resumable"]},
          "upload_id": {"type": "string"}}
SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")


class Method:
    """One method of a service: where it is asked, and what it takes."""

    def __init__(self, service, description, path):
        self.name = description["id"]
        self.verb = description["httpMethod"]
        self.is_upload = path.startswith("/upload/")
        self.path = self.pattern(path)
        self.has_media = description.get("supportsMediaDownload", False)
        self.body = description.get("request")
        self.schemas = service["schemas"]
        self.parameters = {**service["parameters"], **(UPLOAD if self.is_upload else {}), **{
            name: parameter for name, parameter in description.get("parameters", {}).items()
            if parameter["location"] == "query"}}

    @staticmethod
    def pattern(template):
        """A "{name}" is one segment."""
        words = re.split(r"\{\+?\w+\}", template)
        return re.compile("[^/]+".join(map(re.escape, words)))


def methods_of(service, resource):
    """All methods below a resource, those with uploads also at the place of the upload."""
    for description in resource.get("methods", {}).values():
        path = description.get("flatPath", description["path"])
        yield Method(service, description, "/" + service["servicePath"] + path)
        upload = description.get("mediaUpload", {}).get("protocols", {}).get("simple")
        if upload:
            yield Method(service, description, re.sub("^/resumable", "", upload["path"]))
    for inner in resource.get("resources", {}).values():
        yield from methods_of(service, inner)


def read_methods(wheel):
    with zipfile.ZipFile(wheel) as package:
        services = [json.loads(package.read(f"{DOCUMENTS}{name}.json")) for name in SERVICES]
    return [method for service in services for method in methods_of(service, service)]


# Bodies

def body_findings(method, schema, value, place="body"):
    if "$ref" in schema:
        schema = method.schemas[schema["$ref"]]
    kind = schema.get("type", "any")
    if kind == "any" or value is None:
        return
    is_long = schema.get("format") in LONG
    fits = isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if not fits and not (is_long and type(value) is int):
        yield f"{place} is of type {type(value).__name__}, not {kind}"
        return
    if is_long and not re.fullmatch(r"-?\d+", str(value)):
        yield f"{place} is no {schema['format']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is {value!r}, none of {', '.join(schema['enum'])}"
    if kind == "array":
        for element in value:
            yield from body_findings(method, schema["items"], element, place + "[]")
    if kind == "object":
        yield from object_findings(method, schema, value, place)


def object_findings(method, schema, value, place):
    known = schema.get("properties", {})
    for name, inner in value.items():
        if name in known:
            if known[name].get("readOnly"):
                yield f"{place}.{name} is for answers only"
            yield from body_findings(method, known[name], inner, f"{place}.{name}")
        elif "additionalProperties" in schema:
            yield from body_findings(method, schema["additionalProperties"], inner, f"{place}.*")
        else:
            yield f"{place}.{name} is no property"
    for name, description in known.items():
        if method.name in description.get("annotations", {}).get("required", ()) \
                and name not in value:
            yield f"{place}.{name} is missing"


def request_body_findings(method, request):
    text = request["body"]
    if text is None:
        if request["bytes"] and not method.is_upload:
            yield f"a body of type {request['type']}"
        return
    if not text:
        if method.body and method.name.startswith("bigquery."):
            yield "no body"
        return
    if method.body is None:
        yield "a body, where none is taken"
        return
    try:
        value = json.loads(text)
    except ValueError:
        yield "a body that is no JSON"
        return
    yield from body_findings(method, method.body, value)


# Requests

def parameter_findings(method, pairs):
    for name, value in pairs:
        known = method.parameters.get(name)
        if known is None:
            yield f"parameter {name} is unknown"
        elif known["type"] == "boolean" and value not in ("true", "false"):
            yield f"parameter {name} is {value!r}, no boolean"
        elif known["type"] == "integer" and not re.fullmatch(r"-?\d+", value):
            yield f"parameter {name} is {value!r}, no integer"
        elif known.get("format") in LONG and not re.fullmatch(r"-?\d+", value):
            yield f"parameter {name} is {value!r}, no {known['format']}"
        elif "enum" in known and value not in known["enum"]:
            yield f"parameter {name} is {value!r}, none of {', '.join(known['enum'])}"
        elif name == "alt" and value == "media" and not method.has_media:
            yield "parameter alt is media, where there is none"
    given = [name for name, _value in pairs]
    for name, known in method.parameters.items():
        if known.get("required") and name not in given:
            yield f"parameter {name} is missing"
        if not known.get("repeated") and given.count(name) > 1:
            yield f"parameter {name} is given more than once"


def find_method(methods, verb, path, query):
    """The method at a path, and what it is called; later requests of an upload have none."""
    here = [method for method in methods if method.path.fullmatch(path)]
    if verb in ("PUT", "DELETE") and "upload_id" in query:
        uploads = [method for method in here if method.is_upload]
        return None, uploads[0].name + " (session)" if uploads else None
    for method in here:
        if method.verb == verb:
            return method, method.name
    return None, None


def request_findings(methods, request):
    split = urllib.parse.urlsplit(request["target"])
    pairs = urllib.parse.parse_qsl(split.query, keep_blank_values=True)
    verb = request["method"]
    method, name = find_method(methods, verb, split.path, dict(pairs))
    if name is None:
        yield f"{verb} {split.path}: there is no such method"
        return
    if not all(SEGMENT.fullmatch(word) for word in split.path.strip("/").split("/")):
        yield f"{name}: the path is not percent-encoded"
    if method is None:
        return
    for finding in parameter_findings(method, pairs):
        yield f"{name}: {finding}"
    for finding in request_body_findings(method, request):
        yield f"{name}: {finding}"


def main():
    methods = read_methods(sys.argv[1])
    requests = 0
    findings = collections.Counter()
    for name in sys.argv[2:]:
        with open(name, encoding="utf-8") as lines:
            for line in lines:
                requests += 1
                findings.update(set(request_findings(methods, json.loads(line))))
    for finding, times in sorted(findings.items()):
        print(f"{finding} ({times} times)" if times > 1 else finding)
    print(f"{requests} requests, {len(findings)} findings")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
