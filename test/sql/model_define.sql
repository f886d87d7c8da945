-- What a model may be, and what its definition makes.  Needs a build with TEST=1.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
SELECT dataops.create_pipeline('md');
CREATE SCHEMA md_in;
CREATE TABLE md_in.orders (id bigint, customer integer, amount numeric(10,2), at timestamptz);
CREATE VIEW md_in.big AS SELECT id, amount FROM md_in.orders WHERE amount > 100;
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE raw.md_feed (batch_id uuid, page int, ordinal int, created_at timestamptz, record jsonb);
CREATE TABLE raw.md_other (LIKE raw.md_feed);
SELECT dataops._test_source('md_feed', '{}'), dataops._test_source('md_other', '{}');

-- refused, with the position in the model's text
SELECT dataops.add_model('md', 'md_out.a', '');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a; DROP TABLE md_in.orders');
SELECT dataops.add_model('md', 'md_out.a', 'DELETE FROM md_in.orders');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT id INTO x FROM md_in.orders');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT id FROM md_in.orders FOR UPDATE');
SELECT dataops.add_model('md', 'md_out.a', 'WITH d AS (DELETE FROM md_in.orders RETURNING id) SELECT id FROM d');
SELECT dataops.add_model('md', 'md_out.a', E'SELECT id,\n  amuont FROM md_in.orders');
SELECT dataops.add_model('md', 'md_out.a', E'SELECT id FROM md_in.orders\n WHERE )');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT $1 AS a');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT id + 1 FROM md_in.orders');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT ''grün'' AS g, id + 1 FROM md_in.orders');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT id, amount AS id FROM md_in.orders');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT FROM md_in.orders');
SELECT dataops.add_model('md', 'a', 'SELECT 1 AS a');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT record FROM dataops.records(lower(''md_feed''))');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT dataops.records(''md_feed'') AS a');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT record FROM dataops.records(''md_fed'')');
CREATE TEMP TABLE md_temp AS SELECT 1 AS a;
SELECT dataops.add_model('md', 'md_out.a', 'SELECT a FROM md_temp');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', strategy => 'tabel');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', strategy => 'merge');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', strategy => 'merge', key => '{b}');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', strategy => 'partition');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', strategy => 'partition', time_column => 'a');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT now() AS a', strategy => 'partition', time_column => 'a', grain => '1 day 2 hours');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT now() AS a', time_column => 'a', grain => '1 day');
SELECT dataops.add_model('md', 'md_out.a', $$SELECT a.record, b.record AS other FROM dataops.records('md_feed') a JOIN dataops.records('md_other') b USING (page)$$, strategy => 'append');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', strategy => 'incremental');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', timeout => '-1 minute');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', timeout => '0 seconds');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', retry => '{"delay": "-1 second"}');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT 1 AS a', retry => '{"max_delay": "1 day -1 hour"}');
SELECT dataops.add_model('md', 'md_out.a', 'SELECT now() AS a', strategy => 'partition', time_column => 'a', lookback => '-1 day');
SELECT dataops.add_model('nope', 'md_out.a', 'SELECT 1 AS a');
SELECT count(*) FROM pg_namespace WHERE nspname = 'md_out';

-- made: schema, columns with type, typmod and collation, key, merge's times, index for a partition's time
SELECT dataops.add_model('md', 'md_out.plain', 'SELECT amount, id, ''x''::varchar(5) COLLATE "C" AS c, NULL AS n FROM md_in.orders');
SELECT dataops.add_model('md', 'md_out.merged', 'SELECT id, max(amount) AS amount FROM md_in.orders GROUP BY id', strategy => 'merge', key => '{id}');
SELECT dataops.add_model('md', 'md_out.daily', 'SELECT date_trunc(''day'', at) AS day, sum(amount) AS amount FROM md_in.orders GROUP BY 1', strategy => 'partition', time_column => 'day', grain => '1 day');
SELECT dataops.add_model('md', 'md_out.seen', 'SELECT id, amount FROM md_in.big', strategy => 'view');
SELECT dataops.add_model('md', 'md_out.feed', $$SELECT r.record->>'a' AS a, o.id FROM dataops.records('md_feed') r LEFT JOIN md_out.plain o ON o.id = (r.record->>'id')::bigint$$, strategy => 'append', name => 'feed');
\d md_out.plain
\d md_out.merged
\d md_out.daily
\d md_out.seen
SELECT object, spec->'derived'->'inputs' AS inputs, spec->'derived'->'time_column' AS time_column
FROM dataops.definition WHERE pipeline = 'md' AND kind = 'step' ORDER BY object;

-- two writers of one table
SELECT dataops.add_model('md', 'md_out.plain', 'SELECT 1 AS a', name => 'second');
-- of two pipelines only those that all add to it
SELECT dataops.create_pipeline('md_more');
SELECT dataops.add_model('md_more', 'md_out.plain', 'SELECT 1::numeric(10,2) AS amount');
SELECT dataops.add_model('md_more', 'md_out.plain', 'SELECT 1::numeric(10,2) AS amount', strategy => 'append');
SELECT dataops.add_model('md_more', 'md_out.feed', 'SELECT ''a'' AS a, 1::bigint AS id');
SELECT dataops.add_model('md_more', 'md_out.feed', 'SELECT ''a'' AS a, 1::bigint AS id', strategy => 'append');
SELECT dataops.alter_model('md', 'feed', $$SELECT r.record->>'a' AS a, o.id FROM dataops.records('md_feed') r LEFT JOIN md_out.plain o ON o.id = (r.record->>'id')::bigint$$);
SELECT dataops.add_model('md_more', 'md_out.seen', 'SELECT 1 AS a', strategy => 'view');
SELECT dataops.drop_step('md_more', 'md_out.feed');
-- additions are made, all else is refused with the way out
SELECT dataops.add_model('md', 'md_out.plain', 'SELECT customer, amount, id, ''x''::varchar(5) COLLATE "C" AS c, NULL AS n FROM md_in.orders');
\d md_out.plain
SELECT dataops.add_model('md', 'md_out.plain', 'SELECT customer, id, ''x''::varchar(5) COLLATE "C" AS c, NULL AS n FROM md_in.orders');
SELECT dataops.alter_model('md', 'md_out.plain', 'SELECT customer::bigint, amount, id, ''x''::varchar(5) COLLATE "C" AS c, NULL AS n FROM md_in.orders');
SELECT dataops.alter_model('md', 'md_out.plain', 'SELECT customer, amount * 1 AS amount, id, ''x''::varchar(5) COLLATE "C" AS c, NULL AS n FROM md_in.orders');
SELECT dataops.alter_model('md', 'feed', $$SELECT record->>'b' AS a, 1::bigint AS id FROM dataops.records('md_feed')$$);
-- tables that are there already
CREATE TABLE md_out.ready (id bigint, note text NOT NULL);
SELECT dataops.add_model('md', 'md_out.ready', 'SELECT id FROM md_in.orders');
ALTER TABLE md_out.ready ALTER note SET DEFAULT '-';
SELECT dataops.add_model('md', 'md_out.ready', 'SELECT id FROM md_in.orders', strategy => 'merge', key => '{id}');
ALTER TABLE md_out.ready ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED;
SELECT dataops.add_model('md', 'md_out.ready', 'SELECT id FROM md_in.orders');
ALTER TABLE md_out.ready DROP CONSTRAINT ready_id_key, ADD UNIQUE (id), ALTER id SET NOT NULL;
SELECT dataops.add_model('md', 'md_out.ready', 'SELECT id FROM md_in.orders', strategy => 'merge', key => '{id}');
SELECT dataops.add_model('md', 'md_out.ready', 'SELECT jsonb_build_array() AS id', name => 'md_out_ready');
SELECT dataops.add_model('md_more', 'md_out.merged', 'SELECT ''x'' AS id', strategy => 'merge', key => '{id}');
SELECT dataops.add_model('md', 'raw.md_feed', 'SELECT record FROM dataops.records(''md_feed'')', strategy => 'append');
SELECT dataops.add_model('md', 'raw.md_new', 'SELECT 1 AS a');
-- and have somebody's rows
CREATE TABLE md_out.mine AS SELECT 1 AS id, 'x' AS note, now() AS at;
SELECT dataops.add_model('md', 'md_out.mine', 'SELECT 2 AS id, ''y'' AS note', strategy => 'append', name => 'mine');
SELECT dataops.add_model('md', 'md_out.mine', 'SELECT 2 AS id, ''y'' AS note', name => 'mine');
SELECT dataops.add_model('md', 'md_out.mine', 'SELECT 3 AS id, ''y'' AS note', name => 'mine');
SELECT dataops.drop_step('md', 'mine');
SELECT dataops.add_model('md', 'md_out.mine', 'SELECT 2 AS id, now() AS at', strategy => 'partition', time_column => 'at', name => 'mine');
SELECT dataops.drop_step('md', 'mine');
DELETE FROM md_out.mine;
SELECT dataops.add_model('md', 'md_out.mine', 'SELECT 2 AS id', name => 'mine');
-- rows that a model made are its own, also for a step of another name
INSERT INTO md_out.plain (id) VALUES (1);
SELECT dataops.drop_step('md', 'md_out.plain');
SELECT dataops.add_model('md', 'md_out.plain', 'SELECT customer, amount, id, ''x''::varchar(5) COLLATE "C" AS c, NULL AS n FROM md_in.orders', name => 'plain');
SELECT dataops.add_model('md', 'md_in.big', 'SELECT 1 AS a');
SELECT dataops.add_model('md', 'md_in.orders', 'SELECT 1 AS a', strategy => 'view');
SELECT dataops.add_model('md', 'md_out.seen', 'SELECT amount FROM md_in.big', strategy => 'view');
-- commands
SELECT dataops.add_sql('md', 'tidy', 'DELETE FROM md_in.orders WHERE id < 0; ANALYZE md_in.orders');
SELECT dataops.add_sql('md', 'bad', 'DELETE FROM md_in.orders; COMMIT');
SELECT dataops.add_sql('md', 'bad', 'COPY md_in.orders FROM STDIN');
SELECT dataops.add_sql('md', 'bad', 'DELET FROM md_in.orders');
-- another role
CREATE ROLE md_other;
GRANT md_other TO CURRENT_USER;
SELECT dataops.grant_role('md_other', 'developer');
SET ROLE md_other;
SELECT dataops.add_model('md', 'md_out.plain', 'SELECT 1 AS a');
-- does not learn whose table it is
SELECT dataops.create_pipeline('md_theirs');
SELECT dataops.add_model('md_theirs', 'md_out.plain', 'SELECT 1 AS a');
RESET ROLE;
-- and keeps nobody from a table that it cannot write
GRANT USAGE ON SCHEMA md_out TO md_other;
SET ROLE md_other;
SELECT dataops.add_model('md_theirs', 'md_out.feed', 'SELECT ''a'' AS a, 1::bigint AS id', strategy => 'append');
RESET ROLE;
SELECT dataops.add_model('md', 'md_out.feed', 'SELECT ''a'' AS a, 1::bigint AS id', name => 'feed');
GRANT INSERT ON md_out.feed TO md_other;
SELECT dataops.add_model('md', 'md_out.feed', 'SELECT ''b'' AS a, 1::bigint AS id', name => 'feed');
-- outside of a run
SELECT dataops.start_ts(), dataops.end_ts();
SELECT dataops.var('nothing');
SELECT count(*) FROM dataops.records('md_feed');
