-- The schema at its first commit.  Frozen: the tests upgrade from it.
CREATE SCHEMA dataops;
GRANT USAGE ON SCHEMA dataops TO @extowner@ WITH GRANT OPTION;
