-- Connections: options, references to secrets, who may use them, limits of the network, and the test of one.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY terse
CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');

\echo == options that are not understood
\set VERBOSITY default
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (urll 'https://api.example.com');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (ulr 'https://api.example.com');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http;
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://me:word@api.example.com');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com/?key=x');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'ftp://api.example.com');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com', auth 'berer');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com', auth 'oauth2');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com', auth 'basic');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com', max_body 'much');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com', rate '10 per second');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com', concurrency '1000');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com', allow_addresses '10.0.0.0/33');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com', auth 'bearer', auth_format 'Bearer');
CREATE FOREIGN TABLE bad (x integer) SERVER api;
SELECT * FROM bad;
DROP FOREIGN TABLE bad;

\echo == a mapping holds a reference, never the secret
CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (credentials 'canary-literal');
CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (credential 'env:NAME');
CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (credentials 'metadata');
\set VERBOSITY terse

\echo == files are for whom a superuser lets
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file;

\echo == the test of a connection names the step that fails
SELECT step, ok FROM dataops.test_connection('api');
SELECT step, ok, detail FROM dataops.test_connection('apii');
CREATE SERVER elsewhere FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com');
SELECT step, ok, detail FROM dataops.test_connection('elsewhere');
CREATE SERVER nobody FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:1');
SELECT step, ok FROM dataops.test_connection('nobody');

\echo == a reference must be granted, and allowed by the server
CREATE SERVER secured FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url', auth 'bearer');
SELECT :'url' || '/auth/bearer' AS secured_url \gset
ALTER SERVER secured OPTIONS (SET url :'secured_url');
SELECT step, ok, detail FROM dataops.test_connection('secured') WHERE step = 'credentials';
CREATE USER MAPPING FOR app SERVER secured OPTIONS (credentials 'env:DATAOPS_NO_SUCH_NAME');
SELECT step, ok, detail FROM dataops.test_connection('secured') WHERE step = 'credentials';
SELECT dataops.set_secret('token', 'canary-bearer-5e1f0c');

\connect - postgres
SELECT dataops.grant_reference('env:DATAOPS_NO_SUCH_NAME', 'app', 'dataops_http', '127.0.0.1');
SELECT dataops.grant_reference('literal', 'app', 'dataops_http', '127.0.0.1');
SELECT dataops.grant_reference('env:DATAOPS_NO_SUCH_NAME', 'app', 'dataops_file', '127.0.0.1');
SELECT current_setting('dataops.file_root') || '/test_connection.key' AS key_file \gset
\set VERBOSITY terse
COPY (SELECT repeat('a7', 32)) TO :'key_file';
ALTER DATABASE contrib_regression SET dataops.secret_key_file = :'key_file';
\connect - app
\set VERBOSITY terse
-- the owner of the database is an administrator, others are not though they have the function
SELECT dataops.grant_reference('env:OWNER_MAY', 'app', 'dataops_http', '127.0.0.1');
SELECT dataops.revoke_reference('env:OWNER_MAY', 'app', 'dataops_http', '127.0.0.1');
CREATE ROLE test_connection_clerk ROLE app;
GRANT USAGE ON SCHEMA dataops TO test_connection_clerk;
GRANT EXECUTE ON FUNCTION dataops.grant_reference(text, regrole, text, text) TO test_connection_clerk;
SET ROLE test_connection_clerk;
SELECT dataops.grant_reference('env:CLERK_MAY', 'test_connection_clerk', 'dataops_http', '*');
RESET ROLE;
REVOKE ALL ON FUNCTION dataops.grant_reference(text, regrole, text, text) FROM test_connection_clerk;
REVOKE ALL ON SCHEMA dataops FROM test_connection_clerk;
DROP ROLE test_connection_clerk;
\set VERBOSITY default
SELECT step, ok, detail FROM dataops.test_connection('secured') WHERE step = 'credentials';

\echo == a secret is sealed, and its owner may use it
SELECT dataops.set_secret('token', 'canary-wrong');
SELECT dataops.set_secret('token', 'canary-bearer-5e1f0c');
ALTER USER MAPPING FOR app SERVER secured OPTIONS (SET credentials 'secret:token');
SELECT step, ok, regexp_replace(detail, '\d+ ms', 'N ms') FROM dataops.test_connection('secured');
SELECT count(*) FROM dataops.secret;
\connect - postgres
SELECT name, owner, version, position('canary'::bytea IN sealed) FROM dataops.secret;
-- another key does not open it
COPY (SELECT repeat('b8', 32)) TO :'key_file';
\connect - app
\set VERBOSITY terse
SELECT step, ok, detail FROM dataops.test_connection('secured') WHERE step = 'credentials';

\echo == another role: neither without USAGE nor with a secret of the owner
\connect - postgres
COPY (SELECT repeat('a7', 32)) TO :'key_file';
CREATE ROLE test_connection_other LOGIN;
GRANT USAGE ON SCHEMA dataops TO test_connection_other;
GRANT EXECUTE ON FUNCTION dataops.test_connection(text), dataops.set_secret(text, text) TO test_connection_other;
\connect - test_connection_other
\set VERBOSITY terse
SELECT step, ok, detail FROM dataops.test_connection('secured');
SELECT dataops.set_secret('token', 'mine now');
\connect - app
GRANT USAGE ON FOREIGN SERVER secured TO test_connection_other;
CREATE USER MAPPING FOR PUBLIC SERVER secured OPTIONS (credentials 'secret:token');
\connect - test_connection_other
SELECT step, ok, detail FROM dataops.test_connection('secured') WHERE step = 'credentials';

\echo == security settings are out of reach
\connect - app
\set VERBOSITY terse
-- a fresh session has not loaded the library: what is set before is thrown away when it comes
SET dataops.network_limit = '*';
SELECT step, ok, detail FROM dataops.test_connection('elsewhere') WHERE NOT ok;
SET dataops.network_limit = '*';
SET dataops.file_root = '/tmp';
\set VERBOSITY sqlstate
SHOW dataops.secret_key_file;

\connect - postgres
ALTER DATABASE contrib_regression RESET dataops.secret_key_file;
DROP OWNED BY test_connection_other;
DROP ROLE test_connection_other;
SELECT dataops.revoke_reference('env:DATAOPS_NO_SUCH_NAME', 'app', 'dataops_http', '127.0.0.1');
DELETE FROM dataops.secret;
\connect - app
SET client_min_messages = warning;
DROP SERVER api, elsewhere, nobody, secured CASCADE;
