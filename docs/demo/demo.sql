-- The demo, run by "make demo" as the ordinary owner of the database.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION IF NOT EXISTS dataops;

SELECT extname AS extension, extversion AS version, extowner::regrole AS owner
FROM pg_extension WHERE extname = 'dataops';
