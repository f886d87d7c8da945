"""Values of BigQuery's types: from load files into cells, and from cells into answers.

A cell is what sqlite keeps: int, float, text, bytes or None. Decimals are text without needless
zeros, times are text, records and arrays are JSON text.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import base64
import datetime
import decimal
import json
import re

NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
DIGITS = decimal.Context(prec=200)
DATE = r"\d{4}-\d{2}-\d{2}"
TIME = r"\d{2}:\d{2}:\d{2}(\.\d{1,6})?"
FORMATS = {"DATE": DATE, "TIME": TIME, "DATETIME": f"{DATE}T{TIME}", "TIMESTAMP": f"{DATE}T{TIME}Z"}
PARSERS = {"DATE": datetime.date.fromisoformat, "TIME": datetime.time.fromisoformat,
           "DATETIME": datetime.datetime.fromisoformat,
           "TIMESTAMP": lambda text: datetime.datetime.fromisoformat(text[:-1])}
LIMITS = {"NUMERIC": (29, 9, decimal.Decimal("99999999999999999999999999999.999999999")),
          "BIGNUMERIC": (38, 38, decimal.Decimal(
              "578960446186580977117854925043439539266.34992332820282019728792003956564819967"))}


class BadValue(Exception):
    """A value that a load job refuses."""


class Number(str):
    """A JSON number with a point or exponent, as it was written."""


def read_line(line):
    return json.loads(line, parse_float=Number)


def kind(field):
    name = field["type"].upper()
    return NAMES.get(name, name)


def refuse(field, value):
    raise BadValue(f"Could not convert value to {kind(field).lower()}. Field: {field['name']}; "
                   f"Value: {value!r:.60}")


def read_integer(field, value):
    if isinstance(value, (bool, float)) or not re.fullmatch(r"-?\d+", str(value)):
        refuse(field, value)
    if not -2 ** 63 <= int(value) < 2 ** 63:
        refuse(field, value)
    if not isinstance(value, str) and abs(value) >= 2 ** 53:
        refuse(field, value)            # a reader of JSON would have lost digits
    return int(value)


def read_float(field, value):
    if isinstance(value, (bool, dict, list)):
        refuse(field, value)
    if isinstance(value, str) and not isinstance(value, Number) \
            and value not in ("NaN", "Infinity", "-Infinity"):
        refuse(field, value)
    return "NaN" if value == "NaN" else float(value)


def plain(number):
    text = format(number.normalize(DIGITS), "f")
    return text if number else "0"


def read_decimal(field, value):
    if isinstance(value, Number) or not isinstance(value, (str, int)) or isinstance(value, bool):
        refuse(field, value)
    try:
        number = DIGITS.create_decimal(value)
    except decimal.InvalidOperation:
        refuse(field, value)
    if not number.is_finite():
        refuse(field, value)
    integers, scale, limit = LIMITS[kind(field)]
    if "precision" in field:
        scale = int(field.get("scale", 0))
        integers = int(field["precision"]) - scale
        limit = decimal.Decimal(10) ** integers
    least = DIGITS.minus(limit)
    if "precision" not in field and kind(field) == "BIGNUMERIC":
        least = DIGITS.subtract(least, decimal.Decimal(1).scaleb(-38))
    if not least <= number <= limit or -number.normalize(DIGITS).as_tuple().exponent > scale:
        refuse(field, value)
    return plain(number)


def read_time(field, value):
    if not isinstance(value, str) or not re.fullmatch(FORMATS[kind(field)], value):
        refuse(field, value)
    try:
        PARSERS[kind(field)](re.sub(r"\.(\d+)", lambda m: "." + m[1].ljust(6, "0"), value))
    except ValueError:
        refuse(field, value)
    return re.sub(r"(\.\d*?)0+(?=Z?$)", r"\1", value).replace(".Z", "Z").rstrip(".")


def read_text(field, value):
    if not isinstance(value, str):
        refuse(field, value)
    return value


def read_bytes(field, value):
    return base64.b64decode(read_text(field, value), validate=True)


def read_boolean(field, value):
    if not isinstance(value, bool):
        refuse(field, value)
    return int(value)


def read_json(_field, value):
    def plain_numbers(part):
        if isinstance(part, Number):
            return float(part)
        if isinstance(part, int) and not isinstance(part, bool) and float(part) != part:
            raise BadValue("a JSON number lost digits")
        if isinstance(part, list):
            return [plain_numbers(element) for element in part]
        if isinstance(part, dict):
            return {key: plain_numbers(element) for key, element in part.items()}
        return part
    return json.dumps(plain_numbers(value), separators=(",", ":"))


READERS = {"INTEGER": read_integer, "FLOAT": read_float, "NUMERIC": read_decimal,
           "BIGNUMERIC": read_decimal, "BOOLEAN": read_boolean, "STRING": read_text,
           "BYTES": read_bytes, "JSON": read_json, **dict.fromkeys(FORMATS, read_time)}


def inner(field, value):
    """An element or member as it stands within the JSON text of a record or array."""
    if kind(field) == "RECORD":
        return read_record(field["fields"], value)
    cell = READERS[kind(field)](field, value)
    return base64.b64encode(cell).decode() if isinstance(cell, bytes) else cell


def read_record(fields, value):
    if not isinstance(value, dict):
        raise BadValue("not a record")
    by_name = {field["name"].lower(): field for field in fields}
    for name in value:
        if name.lower() not in by_name:
            raise BadValue(f"No such field: {name}.")
    given = {name.lower(): part for name, part in value.items()}
    return {field["name"]: read_field(field, given.get(field["name"].lower()), True)
            for field in fields}


def read_field(field, value, nested=False):
    """The cell for a value of a load file; within a record: the part of its JSON text."""
    if field.get("mode") == "REPEATED":
        if value is not None and not isinstance(value, list):
            raise BadValue(f"Repeated field must be imported as a JSON array. Field: "
                           f"{field['name']}.")
        if any(element is None for element in value or []):
            raise BadValue(f"Only optional fields can be set to NULL. Field: {field['name']}")
        parts = [inner(field, element) for element in value or []]
        return parts if nested else json.dumps(parts)
    if value is None:
        if field.get("mode") == "REQUIRED":
            raise BadValue(f"Missing required field: {field['name']}.")
        return None
    if nested:
        return inner(field, value)
    if kind(field) == "RECORD":
        return json.dumps(read_record(field["fields"], value))
    return READERS[kind(field)](field, value)


# Answers

def timestamp_cell(text, int64):
    moment = re.fullmatch(r"(.*?)(?:\.(\d+))?Z", text)
    seconds = (datetime.datetime.fromisoformat(moment[1] + "+00:00") - EPOCH).total_seconds()
    micros = int(seconds) * 10 ** 6 + int((moment[2] or "").ljust(6, "0") or 0)
    return str(micros) if int64 else repr(micros / 1e6)


def show_part(field, value, int64):
    """One value as the API answers it: texts, {"f": […]} for records."""
    if value is None:
        return None
    name = kind(field)
    if name == "RECORD":
        return {"f": [{"v": show(part, value.get(part["name"]), int64)} for part in field["fields"]]}
    if name == "TIMESTAMP":
        return timestamp_cell(value, int64)
    if name == "BOOLEAN":
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float):
        special = {float("inf"): "Infinity", float("-inf"): "-Infinity"}
        return special.get(value, repr(value))
    return str(value)


def show(field, cell, int64=True):
    if field.get("mode") == "REPEATED":
        parts = json.loads(cell) if isinstance(cell, str) else cell or []
        return [{"v": show_part(field, part, int64)} for part in parts]
    if kind(field) == "RECORD" and isinstance(cell, str):
        cell = json.loads(cell)
    return show_part(field, cell, int64)
