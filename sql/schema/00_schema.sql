-- The schema is made here, not by the control file: so it belongs to the bootstrap superuser and nobody can plant objects in it.
CREATE SCHEMA dataops;
GRANT USAGE ON SCHEMA dataops TO @extowner@ WITH GRANT OPTION;
