#!/usr/bin/python3
"""The package bqemulator, adapted to the packages that the tests have.

Its functions are declared to DuckDB with types given as text, of which DuckDB 1.4 does not take
'JSON' in that place: text is made a type before. DuckDB stays at 1.4 because later ones have no
package with the extension "spatial", without which bqemulator does not start.

Columns of BIGNUMERIC would have more digits than DuckDB knows. They hold 20 before and 18 behind the
point here; further ones are beyond these tests.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import sys

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


type_map._BQ_TO_DUCKDB["BIGNUMERIC"] = "DECIMAL(38, 18)"
# before the server is imported, which takes the function by its name
builtin_udfs.register_builtin_udfs = lambda connection: register(Typed(connection))

from bqemulator.cli import main     # noqa: E402

sys.exit(main())
