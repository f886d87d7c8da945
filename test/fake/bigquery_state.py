"""What the face of BigQuery remembers: datasets, tables, jobs; and what jobs do.

Rows live in sqlite, one table each, so queries are sqlite's: names in backticks, @parameters,
COUNT, exact SUM, ERROR(), TO_JSON_STRING(), window functions. A MERGE of the shape "USING (…) AS S ON
… WHEN MATCHED AND (…) THEN UPDATE SET … WHEN NOT MATCHED THEN INSERT (…) VALUES (…)" becomes
UPDATE … FROM and INSERT.

Jobs take one step with each request of anybody, PENDING, RUNNING, DONE; they have their effect in
the last one, whole or not at all.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import decimal
import gzip
import json
import re
import sqlite3
import time

import bigquery_values as values
from script import Refusal, Script

ROW_BYTES = 100             # what a row counts for when bytes are billed
MERGE = re.compile(r"MERGE (`[^`]+`) AS T USING (\(.*\)) AS S ON (.*?) "
                   r"(?:WHEN MATCHED AND \((.*?)\) THEN UPDATE SET (.*?) )?"
                   r"WHEN NOT MATCHED THEN INSERT \((.*?)\) VALUES \((.*?)\)$", re.S)


class Failure(Exception):
    """A job that ends with an errorResult."""

    def __init__(self, reason, message, others=()):
        super().__init__(message)
        self.reason = reason
        self.others = others


class ExactSum:
    """SUM without floats where there are none."""

    def __init__(self):
        self.total = None

    def step(self, value):
        if isinstance(value, str):
            self.total = values.DIGITS.add(self.total or decimal.Decimal(0), decimal.Decimal(value))
        elif value is not None:
            self.total = value + (self.total or 0)

    def finalize(self):
        if isinstance(self.total, decimal.Decimal):
            return "numeric:" + values.plain(self.total)
        return self.total


def full_name(reference):
    return f"{reference['projectId']}.{reference['datasetId']}.{reference['tableId']}"


class Job:
    def __init__(self, resource, steps):
        self.resource = resource
        self.steps = steps              # left; None: never done
        self.rows = None                # (fields, rows) of a query
        self.held = ""                  # "stuck", "deaf" (to cancel), "unknown" (state)

    @property
    def status(self):
        return self.resource["status"]


class Warehouse(Script):
    """All of it. The lock is held during each request."""

    def __init__(self):
        super().__init__()
        self.rows = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.rows.create_aggregate("SUM", 1, ExactSum)
        self.rows.create_function("ERROR", 1, self.raise_error)
        self.rows.create_function("TO_JSON_STRING", 1, json.dumps)
        self.error = None
        self.datasets = {}              # name → resource
        self.tables = {}                # full name → resource
        self.jobs = {}                  # id → Job
        self.requests = {}              # requestId → job id
        self.job_faults = []
        self.bodies = []
        self.objects = {}               # (bucket, name) → object, of the store's face
        self.page_rows = 1000
        self.steps = 2                  # requests from PENDING to DONE
        self.now = None                 # what CURRENT_TIMESTAMP() says; None: the real time

    def all_faults(self):
        return self.faults + self.job_faults

    def clear_faults(self):
        super().clear_faults()
        self.job_faults.clear()

    def raise_error(self, message):
        self.error = message
        raise Failure("invalidQuery", message)

    # Tables

    def dataset(self, name):
        if name not in self.datasets:
            raise Refusal(404, "notFound", f"Not found: Dataset {name}")
        return self.datasets[name]

    def table(self, name):
        found = self.tables.get(name)
        if found is None or self.expired(found):
            raise Refusal(404, "notFound", f"Not found: Table {name}")
        return found

    @staticmethod
    def expired(table):
        return int(table.get("expirationTime", 1 << 62)) < time.time() * 1000

    def make_table(self, resource):
        name = full_name(resource["tableReference"])
        names = [field["name"].lower() for field in resource["schema"]["fields"]]
        if len(set(names)) < len(names):
            raise Refusal(400, "invalid", "Duplicate field names")
        self.drop_table(name)
        columns = ", ".join(f"`{field['name']}`" for field in resource["schema"]["fields"])
        self.rows.execute(f"CREATE TABLE `{name}` ({columns})")
        self.tables[name] = resource

    def drop_table(self, name):
        self.tables.pop(name, None)
        self.rows.execute(f"DROP TABLE IF EXISTS `{name}`")

    def grow_table(self, resource, fields):
        """The schema of a table replaced by one that only adds to it."""
        self.check_growth(resource["schema"]["fields"], fields)
        name = full_name(resource["tableReference"])
        known = {field["name"].lower() for field in resource["schema"]["fields"]}
        for field in fields:
            if field["name"].lower() not in known:
                empty = "DEFAULT '[]'" if field.get("mode") == "REPEATED" else ""
                self.rows.execute(f"ALTER TABLE `{name}` ADD COLUMN `{field['name']}` {empty}")
        resource["schema"] = {"fields": fields}

    def check_growth(self, before, after):
        by_name = {field["name"].lower(): field for field in after}
        for field in before:
            new = by_name.pop(field["name"].lower(), None)
            if new is None:
                raise Refusal(400, "invalid", f"Provided Schema does not match: {field['name']} "
                              "is missing in new schema")
            same = all(new.get(key, default) == field.get(key, default) for key, default in
                       (("mode", "NULLABLE"), ("precision", None), ("scale", None)))
            if values.kind(new) != values.kind(field) or not same:
                raise Refusal(400, "invalid", f"Field {field['name']} has changed")
            if "fields" in field:
                self.check_growth(field["fields"], new["fields"])
        if any(field.get("mode") == "REQUIRED" for field in by_name.values()):
            raise Refusal(400, "invalid", "Cannot add required fields to an existing schema")

    def count(self, name):
        return self.rows.execute(f"SELECT count(*) FROM `{name}`").fetchone()[0]

    def contents(self, name):
        """(fields, rows) of a table."""
        fields = self.table(name)["schema"]["fields"]
        columns = ", ".join(f"`{field['name']}`" for field in fields)
        return fields, self.rows.execute(f"SELECT {columns} FROM `{name}`").fetchall()

    # Jobs

    def insert_job(self, resource):
        reference = resource["jobReference"]
        reference.setdefault("location", "US")
        if resource["configuration"].get("dryRun"):
            fields, scanned = self.explain(resource["configuration"]["query"])
            resource["status"] = {"state": "DONE"}
            resource["statistics"] = {"totalBytesProcessed": str(scanned), "query": {
                "totalBytesProcessed": str(scanned), "schema": {"fields": fields}}}
            return Job(resource, 0)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,1024}", reference["jobId"]):
            raise Refusal(400, "invalid", f"Invalid job ID {reference['jobId']}")
        if reference["jobId"] in self.jobs:
            raise Refusal(409, "duplicate", f"Already Exists: Job {reference['jobId']}")
        job = Job(resource, self.steps)
        resource["status"] = {"state": "PENDING"}
        resource["statistics"] = {"creationTime": str(int(time.time() * 1000))}
        for fault in self.job_faults:
            if re.search(fault.on, reference["jobId"]) and fault.is_due(fault.on):
                self.strike(job, fault)
        self.jobs[reference["jobId"]] = job
        return job

    @staticmethod
    def strike(job, fault):
        if fault.do == "fail":
            job.held = "fail " + fault.query.get("reason", "backendError")
        else:
            job.steps = None
            job.held = fault.do
            if fault.do == "unknown":
                job.status["state"] = "PONDERING"

    def job(self, name, location):
        job = self.jobs.get(name)
        if job is None or location.lower() != job.resource["jobReference"]["location"].lower():
            raise Refusal(404, "notFound", f"Not found: Job {name}")
        return job

    def advance(self):
        """One step of every job."""
        for job in list(self.jobs.values()):
            if job.steps:
                job.steps -= 1
                job.status["state"] = "RUNNING"
                if job.steps == 0:
                    self.finish(job)

    def finish(self, job):
        job.status["state"] = "DONE"
        self.rows.execute("SAVEPOINT job")
        tables = {name: json.loads(json.dumps(table)) for name, table in self.tables.items()}
        try:
            self.perform(job)
            self.rows.execute("RELEASE job")
        except (Failure, Refusal, sqlite3.Error) as failure:
            self.rows.execute("ROLLBACK TO job")
            self.tables = tables
            self.fail(job, failure)

    def fail(self, job, failure):
        error = self.error if self.error and isinstance(failure, sqlite3.Error) else str(failure)
        self.error = None
        result = {"reason": getattr(failure, "reason", "invalidQuery"), "message": error}
        job.status["errorResult"] = result
        job.status["errors"] = [result, *getattr(failure, "others", ())]
        job.rows = None

    def perform(self, job):
        if job.held.startswith("fail"):
            reason = job.held.split()[1]
            raise Failure(reason, f"scripted failure {reason}")
        configuration = job.resource["configuration"]
        for kind, perform in (("load", self.load), ("copy", self.copy), ("query", self.query)):
            if kind in configuration:
                job.resource["configuration"]["jobType"] = kind.upper()
                perform(job, configuration[kind])

    def cancel(self, job):
        if job.status["state"] != "DONE" and job.held != "deaf":
            job.steps = 0
            job.status["state"] = "DONE"
            self.fail(job, Failure("stopped", "Job execution was cancelled"))

    def check_place(self, job, reference):
        dataset = self.dataset(reference["datasetId"])
        if dataset["location"].lower() != job.resource["jobReference"]["location"].lower():
            raise Failure("notFound", f"Dataset {reference['datasetId']} was not found in location "
                          f"{job.resource['jobReference']['location']}")

    def destination(self, job, config, fields, layout):
        """The table that a job writes, made, emptied or grown as its dispositions say."""
        reference = config["destinationTable"]
        self.check_place(job, reference)
        name = full_name(reference)
        there = self.tables.get(name)
        layout = {key: layout[key] for key in ("timePartitioning", "clustering") if key in layout}
        if there is None:
            if config.get("createDisposition") == "CREATE_NEVER":
                raise Failure("notFound", f"Not found: Table {name}")
            self.make_table({"tableReference": reference, "schema": {"fields": fields}, **layout})
            return name
        write = config.get("writeDisposition", "WRITE_APPEND")
        if write == "WRITE_EMPTY" and self.count(name):
            raise Failure("duplicate", f"Already Exists: Table {name}")
        if there.get("timePartitioning") != layout.get("timePartitioning"):
            raise Failure("invalid", "Incompatible table partitioning specification")
        if write == "WRITE_TRUNCATE":
            self.make_table({**there, "schema": {"fields": fields}})
        elif fields != there["schema"]["fields"]:
            if "ALLOW_FIELD_ADDITION" not in config.get("schemaUpdateOptions", ()):
                raise Failure("invalid", "Provided Schema does not match Table " + name)
            self.grow_table(there, fields)
        return name

    def load(self, job, config):
        lines = [line for uri in config["sourceUris"] for line in self.object_lines(uri)]
        name = self.destination(job, config, config["schema"]["fields"], config)
        fields = self.tables[name]["schema"]["fields"]
        errors = []
        marks = ", ".join("?" * len(fields))
        for number, line in enumerate(lines):
            try:
                row = values.read_line(line)
                cells = values.read_record(fields, row) and [values.read_field(field, {
                    key.lower(): part for key, part in row.items()}.get(field["name"].lower()))
                    for field in fields]
                self.rows.execute(f"INSERT INTO `{name}` VALUES ({marks})", cells)
            except (ValueError, values.BadValue) as error:
                errors.append({"reason": "invalid", "location": config["sourceUris"][0], "message":
                               f"Error while reading data, row {number + 1}: {error}"})
        if errors:
            raise Failure("invalid", f"JSON table encountered too many errors, giving up. "
                          f"Rows: {len(lines)}; errors: {len(errors)}.", errors[:5])
        job.resource["statistics"]["load"] = {
            "inputFiles": str(len(config["sourceUris"])), "outputRows": str(len(lines))}

    def object_lines(self, uri):
        bucket, _slash, name = uri[len("gs://"):].partition("/")
        found = self.objects.get((bucket, name))
        if found is None:
            raise Failure("notFound", f"Not found: URI {uri}")
        data = found.contents.read(0, found.contents.size)
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode("utf-8").splitlines()

    def copy(self, job, config):
        source = full_name(config["sourceTable"])
        table = self.tables.get(source)
        if table is None:
            raise Failure("notFound", f"Not found: Table {source}")
        self.check_place(job, config["sourceTable"])
        name = self.destination(job, config, table["schema"]["fields"], table)
        self.rows.execute(f"INSERT INTO `{name}` SELECT * FROM `{source}`")
        job.resource["statistics"]["copy"] = {"copiedRows": str(self.count(name))}

    # Queries

    def translate(self, config):
        """The statement for sqlite: every name in backticks with project and dataset."""
        project = config.get("defaultDataset", {}).get("projectId", "test")

        def complete(match):
            name = match[1]
            return f"`{project}.{name}`" if name.count(".") == 1 else match[0]
        return re.sub(r"`([^`]+)`", complete, config["query"])

    def used_tables(self, sql):
        names = [name for name in re.findall(r"`([^`]+)`", sql) if name.count(".") == 2]
        for name in names:
            self.table(name)
        return names

    def explain(self, config):
        """(fields, bytes) of a query that is only looked at; 400 and 404 when it is wrong."""
        sql = self.translate(config)
        names = self.used_tables(sql)
        scanned = sum(ROW_BYTES * self.count(name) for name in names)
        if not sql.startswith("MERGE"):
            try:
                self.rows.execute("EXPLAIN " + sql, self.parameters(config))
            except sqlite3.Error as error:
                raise Refusal(400, "invalidQuery", str(error)) from error
        return [], scanned

    @staticmethod
    def parameters(config):
        def read(kind, value):
            if "arrayValues" in value:
                return json.dumps([part.get("value") for part in value["arrayValues"]])
            text = value.get("value")
            return int(text) if kind["type"] == "INT64" and text is not None else text
        return {parameter["name"]: read(parameter["parameterType"], parameter["parameterValue"])
                for parameter in config.get("queryParameters", ())}

    def query(self, job, config):
        if config.get("useLegacySql") is not False:
            raise Failure("invalidQuery", "Legacy SQL")
        sql = self.translate(config)
        names = self.used_tables(sql)
        for name in names:
            self.check_place(job, dict(zip(("projectId", "datasetId"), name.split("."))))
        scanned = sum(ROW_BYTES * self.count(name) for name in names)
        if scanned > int(config.get("maximumBytesBilled", 1 << 62)):
            raise Failure("bytesBilledLimitExceeded", f"Query exceeded limit for bytes billed: "
                          f"{config['maximumBytesBilled']}. {scanned} or higher required.")
        job.resource["statistics"].update(totalBytesProcessed=str(scanned))
        statistics = {"totalBytesBilled": str(scanned), "totalBytesProcessed": str(scanned)}
        if sql.startswith("MERGE"):
            statistics["numDmlAffectedRows"] = str(self.merge(sql))
        else:
            job.rows = self.select(sql, names, self.parameters(config))
        job.resource["statistics"]["query"] = statistics

    def merge(self, sql):
        match = MERGE.fullmatch(sql.replace("CURRENT_TIMESTAMP()", f"'{self.current_timestamp()}'"))
        if match is None:
            raise Failure("invalidQuery", "MERGE of another shape")
        target, source, on, differs, update, columns, inserted = match.groups()
        new = self.rows.execute(f"SELECT {inserted} FROM {source} AS S WHERE NOT EXISTS "
                                f"(SELECT 1 FROM {target} AS T WHERE {on})").fetchall()
        changed = 0
        if update:
            doubled = self.rows.execute(
                f"SELECT 1 FROM {target} AS T JOIN {source} AS S ON {on} "
                "GROUP BY T.rowid HAVING count(*) > 1").fetchone()
            if doubled:
                raise Failure("invalidQuery", "UPDATE/MERGE must match at most one source row for "
                              "each target row")
            changed = self.rows.execute(f"UPDATE {target} AS T SET {update} FROM {source} AS S "
                                        f"WHERE {on} AND ({differs})").rowcount
        for row in new:
            self.rows.execute(f"INSERT INTO {target} ({columns}) VALUES "
                              f"({', '.join('?' * len(row))})", row)
        return changed + len(new)

    def current_timestamp(self):
        return self.now or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def select(self, sql, names, parameters):
        cursor = self.rows.execute(sql, parameters)
        rows = cursor.fetchall()
        known = {field["name"]: field for name in names
                 for field in self.tables[name]["schema"]["fields"]}
        fields = []
        for index, column in enumerate(cursor.description or ()):
            sample = next((row[index] for row in rows if row[index] is not None), None)
            fields.append(known.get(column[0]) or {"name": column[0], "type": self.guess(sample),
                                                   "mode": "NULLABLE"})
        rows = [[cell[8:] if isinstance(cell, str) and cell.startswith("numeric:") else cell
                 for cell in row] for row in rows]
        return fields, rows

    @staticmethod
    def guess(sample):
        if isinstance(sample, str) and sample.startswith("numeric:"):
            return "NUMERIC"
        for name in ("TIMESTAMP", "DATETIME", "DATE", "TIME"):
            if isinstance(sample, str) and re.fullmatch(values.FORMATS[name], sample):
                return name
        return {int: "INTEGER", float: "FLOAT", bytes: "BYTES"}.get(type(sample), "STRING")
