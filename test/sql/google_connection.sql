-- Connections of Google Cloud and of the warehouse in this database: options, credentials, endpoints.
\set VERBOSITY default
\echo == options that are not understood
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_gcs;
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_gcs OPTIONS (buckett 'acme');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'gs://acme');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme', prefix '../other');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'acme');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'acme', dataset 'mar-ket');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'acme', dataset 'market', maximum_bytes_billed '1 GB');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'acme', dataset 'market', job_timeout '7h');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'acme', dataset 'market', job_timeout 'soon');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'acme', dataset 'market', numeric_type 'FLOAT');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_google OPTIONS (project 'acme');
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_postgres;
CREATE SERVER bad FOREIGN DATA WRAPPER dataops_postgres OPTIONS (shema 'published');

\echo == those that are
CREATE SERVER gc_lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme', prefix 'production', staging_prefix 'staging', auth_server 'gc_identity');
CREATE SERVER gc_bq FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'acme', dataset 'market', staging_dataset 'market_staging', location 'EU', auth_server 'gc_identity',
    job_timeout '30min', numeric_type 'string');
CREATE SERVER gc_identity FOREIGN DATA WRAPPER dataops_google;
CREATE SERVER gc_published FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'published');

\echo == a mapping holds a reference, never the credentials
CREATE USER MAPPING FOR CURRENT_USER SERVER gc_identity OPTIONS (credentials '{"type": "service_account"}');
CREATE USER MAPPING FOR CURRENT_USER SERVER gc_published OPTIONS (credentials 'metadata');
CREATE USER MAPPING FOR CURRENT_USER SERVER gc_identity OPTIONS (credentials 'metadata');

\echo == it must be granted for the host of the service
\connect - postgres
SELECT dataops.grant_reference('metadata', 'app', 'dataops_postgres', 'storage.googleapis.com');
SELECT dataops.grant_reference('metadata', 'app', 'dataops_google', 'storage.googleapis.com');
SELECT dataops.revoke_reference('metadata', 'app', 'dataops_google', 'storage.googleapis.com');
\connect - app
DROP SERVER gc_lake, gc_bq, gc_identity, gc_published CASCADE;

\echo == how far connections get without a network
CREATE SERVER gc_identity FOREIGN DATA WRAPPER dataops_google;
SELECT * FROM dataops.test_connection('gc_identity');
CREATE USER MAPPING FOR CURRENT_USER SERVER gc_identity OPTIONS (credentials 'metadata');
SELECT * FROM dataops.test_connection('gc_identity');
CREATE SERVER gc_lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme', auth_server 'gc_identity');
SELECT * FROM dataops.test_connection('gc_lake');
CREATE SERVER gc_published FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'gc published', staging_schema 'gc_staging');
SELECT * FROM dataops.test_connection('gc_published');
CREATE SCHEMA "gc published";
CREATE SCHEMA gc_staging;
SELECT * FROM dataops.test_connection('gc_published');
REVOKE CREATE ON SCHEMA gc_staging FROM app;
SELECT * FROM dataops.test_connection('gc_published');
REVOKE USAGE, CREATE ON SCHEMA "gc published" FROM app;
SELECT * FROM dataops.test_connection('gc_published');
DROP SCHEMA "gc published", gc_staging;
DROP SERVER gc_lake, gc_identity, gc_published CASCADE;
