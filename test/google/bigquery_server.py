#!/usr/bin/python3
"""The package bqemulator, adapted to the packages that the tests have.

Its functions are declared to DuckDB with types given as text, of which DuckDB 1.4 does not take
'JSON' in that place: text is made a type before. DuckDB stays at 1.4 because later ones have no
package with the extension "spatial", without which bqemulator does not start.

Columns of BIGNUMERIC would have more digits than DuckDB knows. They hold 20 before and 18 behind the
point here; further ones are beyond these tests.

A load job that appends tells all rows of its table as outputRows, and Google those that it has added.

A job whose name is taken would run once more, where Google refuses it with 409. The labels of a query's
job would be forgotten.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import functools
import sys

from bqemulator.domain.errors import AlreadyExistsError
from bqemulator.jobs import executor
from bqemulator.sql import builtin_udfs
from bqemulator.storage import type_map

register = builtin_udfs.register_builtin_udfs


class Typed:
    """A connection to DuckDB; create_function() also takes types as text."""

    def __init__(self, connection):
        self.connection = connection

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def as_type(self, kind):
        return self.connection.type(kind) if isinstance(kind, str) else kind

    def create_function(self, name, function, parameters=None, return_type=None, **options):
        if parameters is not None:
            parameters = [self.as_type(kind) for kind in parameters]
        return self.connection.create_function(name, function, parameters,
                                               self.as_type(return_type), **options)


execute_load_job = executor.execute_load_job


async def execute_and_count(project, job_id, configuration, context):
    load = executor._parse_load_job_config(project, configuration)
    there = load.write_disposition == "WRITE_APPEND" and context.catalog.get_table(
        load.project_id, load.dataset_id, load.table_id) is not None
    before = executor._refresh_load_row_count(load, context) if there else 0
    job = await execute_load_job(project, job_id, configuration, context)
    rows = int(job.statistics["load"]["outputRows"])
    return job.model_copy(update={"statistics": {"load": {"outputRows": str(rows - before)}}})


executor.execute_load_job = execute_and_count
type_map._BQ_TO_DUCKDB["BIGNUMERIC"] = "DECIMAL(38, 18)"
# before the server is imported, which takes the function by its name
builtin_udfs.register_builtin_udfs = lambda connection: register(Typed(connection))

from bqemulator.api.routes import jobs      # noqa: E402
from bqemulator.cli import main     # noqa: E402

insert_job = jobs.insert_job
UNDER_WAY = set()           # names of jobs, until their jobs are known by them


@functools.wraps(insert_job)
async def insert_once(project_id, request, ctx, caller):
    body = await request.json()
    name = (project_id, body.get("jobReference", {}).get("jobId"))
    if name[1] is None:
        return await insert_job(project_id, request, ctx, caller)
    if name in UNDER_WAY or ctx.catalog.get_job(*name) is not None:
        raise AlreadyExistsError(f"Already Exists: Job {project_id}:{name[1]}")
    UNDER_WAY.add(name)
    try:
        answer = await insert_job(project_id, request, ctx, caller)
        job = ctx.catalog.get_job(*name)
        kept = {**body["configuration"], **job.configuration}
        ctx.catalog.upsert_job(job.model_copy(update={"configuration": kept}))
        return {**answer, "configuration": kept}
    finally:
        UNDER_WAY.discard(name)


def replace_route(router, endpoint, replacement):
    """The replacement answers where the endpoint did."""
    old = next(route for route in router.routes if route.endpoint is endpoint)
    router.routes.remove(old)
    router.add_api_route(old.path.removeprefix(router.prefix), replacement, methods=list(old.methods))


replace_route(jobs.router, insert_job, insert_once)

sys.exit(main())
