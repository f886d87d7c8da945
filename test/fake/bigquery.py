"""The JSON interface of BigQuery, version 2, with its state and with faults to be scripted.

The kinds of its requests are those of kinds.py. Faults also know reason=, effect (the error comes after
it), and retry_after=, which is 0 unless given: tests do not wait.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import json

import bigquery_values as values
import google_auth
from bigquery_state import Warehouse, full_name
from gcs import cloud_of
from kinds import bigquery_kind, bigquery_words
from routes import CONTROLS, route
from script import Fault, Refusal, control_pages, error_body

SCHEMAS = {"dataset.insert": "Dataset", "table.insert": "Table", "table.patch": "Table",
           "job.insert": "Job", "query": "QueryRequest"}


class Call:
    """A request taken apart: projects/P/COLLECTION/NAME/…"""

    def __init__(self, request, warehouse):
        self.request = request
        self.warehouse = warehouse
        self.words = bigquery_words(request)
        self.project = self.words[0]
        self.body = json.loads(request.body) if request.body else None
        self.kind = bigquery_kind(request)

    def table_name(self):
        return full_name({"projectId": self.project, "datasetId": self.words[2],
                          "tableId": self.words[4]})

    def location(self):
        return self.request.query.get("location", "US")


# Datasets and tables

def dataset_get(call):
    return call.warehouse.dataset(call.words[2])


def dataset_insert(call):
    name = call.body["datasetReference"]["datasetId"]
    if name in call.warehouse.datasets:
        raise Refusal(409, "duplicate", f"Already Exists: Dataset {call.project}:{name}")
    call.warehouse.datasets[name] = {"location": "US", **call.body}
    return call.warehouse.datasets[name]


def table_get(call):
    return call.warehouse.table(call.table_name())


def table_insert(call):
    call.warehouse.dataset(call.words[2])
    name = full_name(call.body["tableReference"])
    if name in call.warehouse.tables:
        raise Refusal(409, "duplicate", f"Already Exists: Table {name}")
    call.warehouse.make_table(call.body)
    return call.body


def table_patch(call):
    table = call.warehouse.table(call.table_name())
    if "schema" in call.body:
        call.warehouse.grow_table(table, call.body["schema"]["fields"])
    table.update({key: value for key, value in call.body.items() if key != "schema"})
    return table


def table_delete(call):
    call.warehouse.table(call.table_name())
    call.warehouse.drop_table(call.table_name())
    return None


# Jobs

def job_insert(call):
    return call.warehouse.insert_job(call.body).resource


def job_get(call):
    return call.warehouse.job(call.words[2], call.location()).resource


def job_cancel(call):
    job = call.warehouse.job(call.words[2], call.location())
    call.warehouse.cancel(job)
    return {"job": job.resource}


def answer_rows(call, job, size):
    """The answer of jobs.query and getQueryResults."""
    reference = job.resource["jobReference"]
    if job.status["state"] != "DONE":
        return {"jobReference": reference, "jobComplete": False}
    if "errorResult" in job.status:
        error = job.status["errorResult"]
        raise Refusal(404 if error["reason"] == "notFound" else 400, error["reason"],
                      error["message"])
    answer = {"jobReference": reference, "jobComplete": True, "cacheHit": False}
    statistics = job.resource["statistics"]["query"]
    answer["totalBytesProcessed"] = statistics["totalBytesProcessed"]
    if "numDmlAffectedRows" in statistics:
        answer["numDmlAffectedRows"] = statistics["numDmlAffectedRows"]
    if job.rows is None:
        return answer
    fields, rows = job.rows
    begin = int(call.request.query.get("pageToken", 0))
    exact = call.request.query.get("formatOptions.useInt64Timestamp") == "true" or (
        call.body or {}).get("formatOptions", {}).get("useInt64Timestamp", False)
    answer.update(schema={"fields": fields}, totalRows=str(len(rows)))
    page = rows[begin:begin + size]
    if page:
        answer["rows"] = [{"f": [{"v": values.show(field, cell, exact)}
                                 for field, cell in zip(fields, row)]} for row in page]
    if begin + size < len(rows):
        answer["pageToken"] = str(begin + size)
    return answer


def query(call):
    house = call.warehouse
    known = house.requests.get(call.body.get("requestId"))
    if known is None:
        known = f"job_{len(house.jobs)}"
        house.requests[call.body.get("requestId")] = known
        config = {key: call.body[key] for key in ("query", "queryParameters", "useLegacySql",
                  "maximumBytesBilled", "defaultDataset") if key in call.body}
        house.explain(config)
        house.insert_job({"jobReference": {"projectId": call.project, "jobId": known,
                                           "location": call.body.get("location", "US")},
                          "configuration": {"query": config}})
    return answer_rows(call, house.jobs[known], page_rows(call))


def results(call):
    job = call.warehouse.job(call.words[2], call.location())
    return answer_rows(call, job, page_rows(call))


def page_rows(call):
    wanted = call.request.query.get("maxResults") or (call.body or {}).get("maxResults", 1 << 30)
    return min(int(wanted), call.warehouse.page_rows)


HANDLERS = {"dataset.get": dataset_get, "dataset.insert": dataset_insert, "table.get": table_get,
            "table.insert": table_insert, "table.patch": table_patch, "table.delete": table_delete,
            "job.insert": job_insert, "job.get": job_get, "job.cancel": job_cancel,
            "query": query, "results": results}


def handle(call):
    """(code, JSON)"""
    try:
        answer = HANDLERS[call.kind](call)
        return (204, None) if answer is None else (200, json.loads(json.dumps(answer)))
    except Refusal as refusal:
        return refusal.code, error_body(refusal)
    except KeyError as error:
        return 400, error_body(Refusal(400, "required", f"Required parameter is missing: {error}"))


# Faults

REASONS = {401: "authError", 403: "rateLimitExceeded", 404: "notFound", 429: "rateLimitExceeded",
           500: "backendError", 503: "backendError"}


def strike(call, fault, reply):
    """What the fault makes of the request: (code, JSON), or None when nothing is answered."""
    if fault.do == "lose":              # the effect, not its answer
        handle(call)
        reply.abort()
        return None
    if fault.do == "drop":
        reply.abort()
        return None
    if fault.do == "nonsense":
        return 200, ["<html>"]
    code = 401 if fault.do == "expire" else int(fault.do)
    if "effect" in fault.query:         # the effect, and then an error
        handle(call)
    return code, error_body(Refusal(
        code, fault.query.get("reason", REASONS.get(code, "invalid")), f"scripted fault {code}"))


def house_of(state):
    return state.face("bigquery", Warehouse)


@route("/bigquery/v2/projects/*")
def bigquery(request, reply, state):
    house = house_of(state)
    with house.lock:
        house.objects = cloud_of(state).objects
        house.advance()
        call = Call(request, house)
        if call.kind in SCHEMAS:
            house.bodies.append({"schema": SCHEMAS[call.kind], "body": call.body})
        entry, fault = house.enter(call.kind, request, path="/".join(call.words[1:]),
                                   body=call.body, query=request.query)
        if fault is not None and fault.do == "expire":
            google_auth.desk_of(state).tokens.clear()
        answer = handle(call) if fault is None else strike(call, fault, reply)
    if answer is None:
        return
    entry["code"] = answer[0]
    headers = [("Retry-After", fault.query.get("retry_after", "0"))] if fault else []
    if answer[1] is None:
        reply.send(b"", answer[0])
    else:
        reply.json(answer[1], answer[0], headers)


# For tests

control_pages("/bq", house_of)


@route("/bq/job_fault", CONTROLS)
def bq_job_fault(request, reply, state):
    """on=PATTERN of job ids; do=stuck, deaf (stuck, and cancel does nothing), unknown, or fail with
    reason=."""
    house = house_of(state)
    with house.lock:
        house.job_faults.append(Fault(request.query))
    reply.json({})


@route("/bq/bodies", CONTROLS)
def bq_bodies(_request, reply, state):
    """Every request body since the beginning: lines of {"schema", "body"}."""
    house = house_of(state)
    with house.lock:
        reply.send("".join(json.dumps(body) + "\n" for body in house.bodies))


@route("/bq/rows", CONTROLS)
def bq_rows(request, reply, state):
    """The rows of table= (dataset.table), in order; null when there is no such table."""
    house = house_of(state)
    with house.lock:
        name = "test." + request.query["table"]
        if name not in house.tables:
            reply.json(None)
            return
        fields, rows = house.contents(name)
        shown = [[values.show(field, cell) for field, cell in zip(fields, row)] for row in rows]
        reply.json(sorted(shown, key=json.dumps))


@route("/bq/tables", CONTROLS)
def bq_tables(_request, reply, state):
    house = house_of(state)
    with house.lock:
        reply.json(dict(sorted(house.tables.items())))


@route("/bq/set", CONTROLS)
def bq_set(request, reply, state):
    """page_rows= limits pages; steps= is the number of requests that a job takes; now= is the time."""
    house = house_of(state)
    with house.lock:
        house.page_rows = request.number("page_rows", house.page_rows)
        house.steps = request.number("steps", house.steps)
        house.now = request.query.get("now", house.now)
    reply.json({})


@route("/bq/forget", CONTROLS)
def bq_forget(request, reply, state):
    """Drops table= (dataset.table), as a person would."""
    house = house_of(state)
    with house.lock:
        house.drop_table("test." + request.query["table"])
    reply.json({})
