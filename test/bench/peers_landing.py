"""Landing beside dlt: records of the same API become rows of typed columns."""
import os
import shutil

import landing
import peers
from harness import Variant, measure_variants, median

RECORDS = 100_000       # dlt takes its time for each
TYPED = f"{landing.BY_DATAOPS}, typed columns as well"

# what dlt finds in the records by itself, without and with a table for each list in them
COLUMNS = """(record->>'id')::bigint AS id, record->>'id_str' AS id_str, (record->>'created_at')::timestamptz AS created_at,
    record->>'text' AS text, record->>'lang' AS lang, record->>'source' AS source, record->'user' AS "user",
    (record->>'retweet_count')::bigint AS retweet_count, (record->>'favorite_count')::bigint AS favorite_count,
    (record->>'sentiment')::float8 AS sentiment, (record->>'in_reply_to')::bigint AS in_reply_to,
    record->'entities' AS entities"""
FLAT = """id, id_str, created_at, text, lang, source, retweet_count, favorite_count, sentiment, in_reply_to"""
WHOLE = f'{FLAT}, "user", entities'
NESTED = f"{FLAT}, user__id, user__screen_name, user__followers_count, user__verified"
COPIED = f"(SELECT {COLUMNS} FROM raw.tweets_copy)"
COPIED_NESTED = f"""(SELECT typed.*, ("user"->>'id')::bigint AS user__id, "user"->>'screen_name' AS user__screen_name,
    ("user"->>'followers_count')::bigint AS user__followers_count, ("user"->>'verified')::boolean AS user__verified
    FROM {COPIED} AS typed)"""


def expect_same(bench, columns, copied, relation):
    """Throws unless the relation holds what COPY wrote, seen as these columns."""
    digest = "SELECT count(*) || ' ' || sum(hashtextextended(ROW({})::text, 0)) FROM {} AS found;"
    bench.expect(digest.format(columns, relation), bench.sql(digest.format(columns, copied))[0])


def by_dataops(bench, records):
    """The raw table, and rows of typed columns from it, in one run."""
    name = "tweets_typed"

    def before(_):
        landing.define_source(bench, name, "tweets", records)
        landing.define_pipeline(bench, name)
        bench.sql(f"""
            DROP TABLE IF EXISTS lab.tweet;
            SELECT dataops.add_model('{name}', 'lab.tweet', $$ SELECT {COLUMNS} FROM dataops.records('{name}') $$,
                strategy => 'append');""")

    def after(_):
        expect_same(bench, WHOLE, COPIED, "lab.tweet")
    return Variant(TYPED, f"CALL dataops.run('{name}');", before, after)


def by_dlt(bench, name, records, nesting, format):
    pipelines = os.path.join(peers.home_folder(bench, "dlt"), "pipelines")

    def before(_):
        shutil.rmtree(pipelines, ignore_errors=True)
        bench.sql("DROP SCHEMA IF EXISTS dlt_posts CASCADE;")

    def after(_):
        if nesting == "flat":
            expect_same(bench, WHOLE, COPIED, "dlt_posts.tweets")
        else:
            expect_same(bench, NESTED, COPIED_NESTED, "dlt_posts.tweets")
            tags = bench.sql("SELECT sum(jsonb_array_length(record->'entities'->'hashtags')) FROM raw.tweets_copy;")[0]
            bench.expect("SELECT count(*) FROM dlt_posts.tweets__entities__hashtags;", tags)
    arguments = ["dlt_land.py", f"/tweets/{records}", pipelines, nesting, format]
    return peers.variant(bench, "dlt", name, arguments, before, after)


def run(bench):
    records = min(bench.records, RECORDS)
    tools = peers.usable(bench, ["dlt"])
    shape = landing.Shape(bench, "tweets", records)
    variants = [shape.by_copy(), shape.by_dataops(), by_dataops(bench, records)]
    if tools:
        variants += [by_dlt(bench, "dlt, lists and objects as jsonb", records, "flat", "insert_values"),
                     by_dlt(bench, "dlt, lists and objects as jsonb, loaded by COPY", records, "flat", "csv"),
                     by_dlt(bench, "dlt, objects as columns, lists as tables", records, "nested", "insert_values")]
    title = f"Landing {records:,} tweets, beside dlt"
    results = measure_variants(bench, title, variants, warm_up=True)
    os.remove(shape.rows)
    wal = ("WAL MB", lambda name, got: f"{median(got, 'wal_mb'):.0f}")
    shown = peers.compare(results, landing.BY_COPY, TYPED, records, wal)
    return peers.section(bench, title, TEXT, ["dlt"], shown)


TEXT = """The same API and the same pages. **dlt makes tables of typed columns, which it finds out from the records; dataops
lands them as raw `jsonb`**, so a variant of dataops also makes the typed columns, by a model (`append`) in the same run:
that is the one of the ratio, and it has the raw table besides. dlt (REST API source with page numbers, `append` into an
empty dataset, else its defaults) writes files first and loads them, by INSERT of many rows or by COPY; it gives each row
an id of its own with a unique index. Rows are compared column by column, those of lists by their number."""
