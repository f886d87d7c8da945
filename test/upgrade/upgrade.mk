# Versions that exist in the tests' stage only, so that the upgrade path is exercised before there is an older release:
#   0.0.1            the schema at its first commit; all that came after is its upgrade
#   EXTVERSION.again the present version with its whole API run a second time, as every upgrade does
# Releases are frozen here as dataops--VERSION.sql too, and tested with their script from sql/upgrade.
DATA       += $(patsubst $(top)/%,%,$(wildcard $(top)/test/upgrade/dataops--*.sql))
DATA_built += sql/dataops--0.0.1--$(EXTVERSION).sql sql/dataops--$(EXTVERSION)--$(EXTVERSION).again.sql

SCHEMA_SINCE := $(filter-out %/00_schema.sql,$(SCHEMA))

# Explicit rules, because the general one looks for sql/upgrade/OLD--NEW.sql.
sql/dataops--0.0.1--$(EXTVERSION).sql: $(GUARD) $(SCHEMA_SINCE) $(API) $(TEST_API) $(SQL_DIRS)
	cat $(GUARD) $(SCHEMA_SINCE) $(API) $(TEST_API) >$@
sql/dataops--$(EXTVERSION)--$(EXTVERSION).again.sql: $(GUARD) $(API) $(SQL_DIRS)
	cat $(GUARD) $(API) >$@
