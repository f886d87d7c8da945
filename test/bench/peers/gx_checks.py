"""gx_checks.py: the ten rules of transform.py about lab.input, by Great Expectations; prints how many expectations held."""
import os
import sys

import great_expectations as gx
import great_expectations.expectations as expect

# {batch} is a subquery, which needs an alias with a join, and has one without
ORPHANS = "SELECT 1 FROM {batch} AS t LEFT JOIN lab.person AS known ON known.id = t.person WHERE known.id IS NULL"
CORRELATED = "SELECT 1 FROM {batch} HAVING abs(corr(amount::float8, ratio)) >= 0.5"
EXPECTATIONS = [
    expect.ExpectColumnValuesToNotBeNull(column="id"),
    expect.ExpectColumnValuesToBeUnique(column="id"),
    expect.ExpectColumnValuesToBeInSet(column="lang", value_set=["en", "fr", "de"]),
    expect.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=1000),
    expect.ExpectColumnValuesToMatchRegex(column="email", regex=r"^[a-z0-9]+@[a-z]+\.com$"),
    expect.UnexpectedRowsExpectation(unexpected_rows_query=ORPHANS),
    expect.ExpectTableRowCountToBeBetween(min_value=101),
    expect.ExpectColumnMaxToBeBetween(column="seen_at", min_value="2020-01-01"),
    expect.ExpectColumnMeanToBeBetween(column="amount", min_value=400, max_value=600),
    expect.ExpectColumnStdevToBeBetween(column="amount", max_value=400),
    expect.UnexpectedRowsExpectation(unexpected_rows_query=CORRELATED),
]

context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
# An address without a host is taken from a variable only; libpq's variables say the rest.
os.environ["BENCH_ADDRESS"] = "postgresql+psycopg2://"
source = context.data_sources.add_postgres("bench", connection_string="${BENCH_ADDRESS}")
asset = source.add_table_asset("input", table_name="input", schema_name="lab")
batch = asset.add_batch_definition_whole_table("all").get_batch()
result = batch.validate(gx.ExpectationSuite("rules", expectations=EXPECTATIONS))
failed = [each.expectation_config.type for each in result.results if not each.success]
print(f"{len(result.results) - len(failed)} of {len(EXPECTATIONS)} expectations held", *failed)
sys.exit(0 if result.success else 1)
