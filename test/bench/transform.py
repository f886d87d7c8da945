"""Tables built anew, checks and merge: what a model costs beside the same statements written by hand."""
import re

from harness import Goals, Variant, measure_variants, median, ratio, spread, table

CHECK_HEADER = ["variant", "ratio (goal)", "seconds (min–max)", "backend CPU s", "backend MB"]
MERGE_HEADER = CHECK_HEADER + ["WAL MB"]

GOAL = 1.10      # of checks and merge, beside the best statement by hand

# the rule: how dataops is told, and the same as an aggregate
RULES = [
    ("not_null(id)", "count(*) FILTER (WHERE id IS NULL)"),
    ("is_unique(id)", "count(*) - count(DISTINCT id)"),
    ("accepted(lang, ''en'', ''fr'', ''de'')", "count(*) FILTER (WHERE NOT lang IN ('en', 'fr', 'de'))"),
    ("amount BETWEEN 0 AND 1000", "count(*) FILTER (WHERE NOT amount BETWEEN 0 AND 1000)"),
    ("email ~ ''^[a-z0-9]+@[a-z]+\\.com$''", "count(*) FILTER (WHERE NOT email ~ '^[a-z0-9]+@[a-z]+\\.com$')"),
    ("fk(person, lab.person.id)",
     "count(*) FILTER (WHERE NOT EXISTS (SELECT FROM lab.person WHERE person.id = t.person))"),
    ("count(*) > 100", "count(*) > 100"),
    ("max(seen_at) > ''2020-01-01''", "max(seen_at) > '2020-01-01'"),
    ("avg(amount) BETWEEN 400 AND 600 AND stddev(amount) < 400",
     "avg(amount) BETWEEN 400 AND 600 AND stddev(amount) < 400"),
    ("abs(corr(amount::float8, ratio)) < 0.5", "abs(corr(amount::float8, ratio)) < 0.5"),
]


BY_HAND, ONE_EACH = "one statement by hand", "one statement for each check"


def make_input(bench):
    bench.sql(f"""
        SELECT setseed(0.5);
        CREATE TABLE lab.person AS SELECT id::integer FROM generate_series(1, 5000) AS id;
        ALTER TABLE lab.person ADD PRIMARY KEY (id);
        CREATE TABLE lab.input AS
            SELECT id, (ARRAY['en', 'fr', 'de'])[1 + id % 3] AS lang, (random() * 1000)::numeric(10, 2) AS amount,
                   random() AS ratio, 'user' || id || '@example.com' AS email, 1 + (id % 5000)::integer AS person,
                   timestamptz '2026-01-01' + id * interval '1 second' AS seen_at
            FROM generate_series(1::bigint, {bench.records}) AS id;
        ANALYZE lab.person, lab.input;""")


def add_checks(bench, pipeline, target, on_fail):
    """The ten rules; on_fail is about those for each row, the others stop."""
    for rule, _ in RULES:
        row_rule = not re.search(r"count\(|is_unique|avg\(|max\(|corr\(", rule)
        bench.sql(f"""SELECT dataops.add_check('{pipeline}', '{target}', '{rule}',
                      on_fail => '{on_fail if row_rule else 'stop'}');""")


def define_checked(bench, pipeline, on_fail):
    bench.sql(f"""
        SELECT dataops.create_pipeline('{pipeline}');
        SELECT dataops.add_model('{pipeline}', 'lab.{pipeline}', 'SELECT * FROM lab.input');""")
    if on_fail:
        add_checks(bench, pipeline, f"lab.{pipeline}", on_fail)


def row(goals, name, results, base):
    return [name, goals.against(name, ratio(results, base), GOAL if name.startswith("dataops") else None), spread(results),
            f"{median(results, 'backend_cpu'):.2f}", f"{max(r['backend_mb'] for r in results):.0f}"]


def differences(with_it, without):
    """Round by round: what came on top."""
    return [{key: a[key] - b[key] if key != "backend_mb" else a[key] for key in a} for a, b in zip(with_it, without)]


def expect_passed(bench, pipeline, verdicts):
    """Throws unless so many checks passed in the newest run."""
    bench.expect(f"""
        SELECT count(*) FROM dataops.check_results WHERE state = 'passed' AND run_id =
            (SELECT run_id FROM dataops.runs WHERE pipeline = '{pipeline}' ORDER BY created_at DESC LIMIT 1);""", verdicts)


def checked_variant(bench, label, pipeline, verdicts):
    def after(_):
        bench.expect(f"SELECT count(*) FROM lab.{pipeline};", bench.records)
        expect_passed(bench, pipeline, verdicts)
    return Variant(label, f"CALL dataops.run('{pipeline}');", after=after)


def by_hand():
    return [Variant(BY_HAND, "SELECT " + ", ".join(aggregate for _, aggregate in RULES) + " FROM lab.input AS t;"),
            Variant(ONE_EACH, " ".join(f"SELECT {aggregate} FROM lab.input AS t;" for _, aggregate in RULES))]


def measure_checks(bench):
    for pipeline, on_fail in (("unchecked", None), ("stopping", "stop"), ("quarantining", "quarantine")):
        define_checked(bench, pipeline, on_fail)
    title = f"Ten checks on {bench.records:,} rows"
    results = measure_variants(bench, title, by_hand() + [
        checked_variant(bench, "model without checks", "unchecked", 0),
        checked_variant(bench, "model, ten checks that stop", "stopping", len(RULES)),
        checked_variant(bench, "model, row rules that quarantine", "quarantining", len(RULES)),
    ])
    base = results[BY_HAND]
    plain = results["model without checks"]
    shown = {
        BY_HAND: base,
        ONE_EACH: results[ONE_EACH],
        "dataops, all ten stop: on top of the model": differences(results["model, ten checks that stop"], plain),
        "dataops, row rules quarantine: on top of the model":
            differences(results["model, row rules that quarantine"], plain),
    }
    goals = Goals()
    rows = [row(goals, name, got, base) for name, got in shown.items()]
    return f"### {title}\n\n{CHECK_TEXT}\n\n{table(CHECK_HEADER, rows, goals)}"


MODEL = """SELECT (record->>'id')::bigint AS id, record->>'text' AS text, record->>'lang' AS lang,
    (record->'user'->>'id')::integer AS person, (record->>'retweet_count')::integer AS retweets
    FROM {source}"""


def land_posts(bench):
    """The input of rebuild and merge."""
    bench.sql(f"""
        DROP TABLE IF EXISTS raw.posts;
        SELECT dataops.create_http_source('posts', 'api', '/tweets/{bench.records}',
            paginate => '{{"type": "page", "param": "page", "limit": 1000, "limit_param": null}}');
        SELECT dataops.create_pipeline('posts');
        SELECT dataops.add_fetch('posts', 'posts', archive => '');
        CALL dataops.run('posts');
        ANALYZE raw.posts;""")


def measure_rebuild(bench):
    bench.sql(f"""
        SELECT dataops.create_pipeline('rebuild');
        SELECT dataops.add_model('rebuild', 'lab.rebuilt', $$ {MODEL.format(source="dataops.records('posts')")} $$);
        CREATE TABLE lab.inserted (LIKE lab.rebuilt);""")
    by_hand = MODEL.format(source="raw.posts")

    def variant(label, table, sql, before=None):
        return Variant(label, sql, before and (lambda _: bench.sql(before)),
                       lambda _: bench.expect(f"SELECT count(*) || ' ' || sum(person) FROM {table};", expected))
    expected = bench.sql(f"SELECT count(*) || ' ' || sum(person) FROM ({by_hand}) AS posts;")[0]
    title = f"A table of {bench.records:,} rows built anew"
    results = measure_variants(bench, title, [
        variant("CREATE TABLE AS by hand", "lab.created", f"CREATE TABLE lab.created AS {by_hand};",
                "DROP TABLE IF EXISTS lab.created;"),
        variant("INSERT … SELECT by hand", "lab.inserted", f"INSERT INTO lab.inserted {by_hand};", "TRUNCATE lab.inserted;"),
        variant("dataops, strategy table", "lab.rebuilt", "CALL dataops.run('rebuild');"),
    ])
    base = results["CREATE TABLE AS by hand"]
    goals = Goals()
    shown = [row(goals, name, got, base) + [f"{median(got, 'worker_cpu'):.2f}", f"{median(got, 'wal_mb'):.0f}"]
             for name, got in results.items()]
    return f"### {title}\n\n{REBUILD_TEXT}\n\n{table(CHECK_HEADER + ['worker CPU s', 'WAL MB'], shown, goals)}"


def refill(bench, target):
    """Before each round: the target as it was before the merge."""
    bench.sql(f"""
        TRUNCATE {target};
        INSERT INTO {target} (id, text, lang, person, retweets)
            SELECT (record->>'id')::bigint - CASE WHEN ordinal % 10 = 0 THEN 0 ELSE 1 END, record->>'text',
                   record->>'lang', 0, 0
            FROM raw.posts;""")
    bench.sql(f"VACUUM ANALYZE {target};")


def merge_variant(bench, label, target, sql, before=None):
    def prepare(number):
        if before:
            before(number)
        refill(bench, target)

    def after(_):
        bench.expect(f"SELECT count(*) || ' ' || count(*) FILTER (WHERE person > 0) FROM {target};",
                     f"{bench.records * 19 // 10} {bench.records}")
    return Variant(label, sql, prepare, after)


def measure_merge(bench):
    """The target has as many rows as come, a tenth of which are among them."""
    bench.sql("SELECT dataops.create_pipeline('merge');")

    def define(number):
        # a step of another name has not taken in any batch yet
        if number >= 0:
            bench.sql(f"SELECT dataops.drop_step('merge', 'merge_{number}');")
        bench.sql(f"""
            SELECT dataops.add_model('merge', 'lab.merged', $$ {MODEL.format(source="dataops.records('posts')")} $$,
                strategy => 'merge', key => '{{id}}', name => 'merge_{number + 1}');""")

    define(-1)
    for name in ("by_merge", "by_conflict"):
        bench.sql(f"CREATE TABLE lab.{name} (LIKE lab.merged INCLUDING ALL);")
    rows = """SELECT DISTINCT ON (id) id, text, lang, person, retweets FROM (
        SELECT (record->>'id')::bigint AS id, record->>'text' AS text, record->>'lang' AS lang,
               (record->'user'->>'id')::integer AS person, (record->>'retweet_count')::integer AS retweets,
               batch_id, page, ordinal FROM raw.posts) AS posts
        ORDER BY id, batch_id DESC, page DESC, ordinal DESC"""
    columns = ("text", "lang", "person", "retweets")
    changes = ", ".join(f"{column} = new.{column}" for column in columns)
    differs = " OR ".join(f"old.{column} IS DISTINCT FROM new.{column}" for column in columns)
    title = f"Merge of {bench.records:,} rows into as many, a tenth of them there before"
    results = measure_variants(bench, title, [
        merge_variant(bench, "MERGE by hand", "lab.by_merge", f"""
            MERGE INTO lab.by_merge AS old USING ({rows}) AS new ON old.id = new.id
            WHEN MATCHED AND ({differs}) THEN UPDATE SET {changes}, updated_at = now()
            WHEN NOT MATCHED THEN INSERT (id, text, lang, person, retweets)
                VALUES (new.id, new.text, new.lang, new.person, new.retweets);"""),
        merge_variant(bench, "ON CONFLICT by hand", "lab.by_conflict", f"""
            INSERT INTO lab.by_conflict AS old (id, text, lang, person, retweets) {rows}
            ON CONFLICT (id) DO UPDATE SET {changes.replace('new.', 'excluded.')}, updated_at = now()
            WHERE {differs.replace('new.', 'excluded.')};"""),
        merge_variant(bench, "dataops, strategy merge", "lab.merged", "CALL dataops.run('merge');", define),
    ])
    base = min((results["MERGE by hand"], results["ON CONFLICT by hand"]), key=median)
    goals = Goals()
    shown = [row(goals, name, got, base) + [f"{median(got, 'wal_mb'):.0f}"] for name, got in results.items()]
    return f"### {title}\n\n{MERGE_TEXT}\n\n{table(MERGE_HEADER, shown, goals)}"


def run(bench):
    make_input(bench)
    land_posts(bench)
    return "\n\n".join(["## Models", measure_rebuild(bench), measure_checks(bench), measure_merge(bench)])


CHECK_TEXT = """Not null, unique, accepted values, range, regular expression, foreign key, row count, newest time, mean
and deviation, correlation. By hand they are aggregates of one SELECT over the finished table. dataops runs them inside
the transaction that rebuilds a table of the same rows: what is shown is the run with checks less the run without, round
by round. Rules that quarantine look at the rows before they are written, so that bad ones can be set aside. Statements
may use parallel workers, whose CPU is not in the backend's."""

REBUILD_TEXT = """Landed posts become typed rows of a table. By hand the table is a new one; dataops fills one beside the target
and exchanges their storage, so that the target keeps its identity, its rights and views. CREATE TABLE AS and dataops may use
parallel workers, an INSERT may not."""

MERGE_TEXT = """Landed posts become typed rows; of several with one key the last counts, rows that are the same are left
alone. The target has a primary key and `created_at` and `updated_at`. The ratio is to the faster statement by hand.
MERGE by hand fails when another session inserts one of the keys; ON CONFLICT does not, nor does dataops, which takes one
or the other."""
