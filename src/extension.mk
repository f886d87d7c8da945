# Builds the extension by PostgreSQL's own rules (PGXS), in the current directory, from the tree this file lies in:
#   make -C build/15 -f "$PWD/src/extension.mk"
# The Makefile calls it once per kind of build, so that release, test and other servers' objects never mix.
.DEFAULT_GOAL := all

top := $(patsubst %/src/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
VPATH = $(top)

# make would take objects in the source tree for those of this build.
ifneq ($(wildcard $(top)/src/*.o $(top)/src/*/*.o $(top)/*.so $(top)/sql/dataops--*.sql),)
$(error $(top) holds the results of a build inside the source tree: run "make clean" first)
endif

include $(top)/src/flags.mk

EXTENSION   = dataops
MODULE_big  = dataops

SOURCES := $(sort $(wildcard $(top)/src/*.c $(top)/src/*/*.c))
OBJS     = $(SOURCES:$(top)/%.c=%.o)

PG_CPPFLAGS = $(DEFINITIONS) -MMD -MP
PG_CFLAGS   = -std=gnu11 $(WARNINGS)
SHLIB_LINK  = $(shell $(PKG_CONFIG) --libs $(LIBRARIES)) \
              -Wl,--version-script=$(top)/src/exports.map -Wl,-z,relro,-z,now

# One script installs the newest version; one each leads to it from an older one (sql/upgrade/OLD--NEW.sql).
SQL_DIRS := $(wildcard $(top)/sql/*/.)
GUARD  := $(top)/sql/guard.sql
SCHEMA := $(sort $(wildcard $(top)/sql/schema/*.sql))
API    := $(sort $(wildcard $(top)/sql/api/*.sql))
OLD    := $(patsubst $(top)/sql/upgrade/%--$(EXTVERSION).sql,%,$(wildcard $(top)/sql/upgrade/*--$(EXTVERSION).sql))
DATA_built = sql/dataops--$(EXTVERSION).sql $(OLD:%=sql/dataops--%--$(EXTVERSION).sql)

# The tests' own functions and fault points (make TEST=1) never reach an ordinary build.
ifdef TEST
PG_CPPFLAGS += -DDATAOPS_TEST
TEST_API    := $(sort $(wildcard $(top)/sql/test/*.sql))
include $(top)/test/upgrade/upgrade.mk
endif

$(shell mkdir -p sql $(sort $(dir $(OBJS))))

PG_CONFIG ?= pg_config
override with_llvm  = no
override autodepend = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
-include $(OBJS:.o=.d)

$(OBJS): $(top)/src/extension.mk $(top)/src/flags.mk
$(shlib): $(top)/src/exports.map

# A script is made again whenever a part was added or taken away, too: the directories' times tell.
sql/dataops--$(EXTVERSION).sql: $(GUARD) $(SCHEMA) $(API) $(TEST_API) $(SQL_DIRS)
	cat $(GUARD) $(SCHEMA) $(API) $(TEST_API) >$@
sql/dataops--%--$(EXTVERSION).sql: $(GUARD) $(top)/sql/upgrade/%--$(EXTVERSION).sql $(API) $(TEST_API) $(SQL_DIRS)
	cat $(GUARD) $(top)/sql/upgrade/$*--$(EXTVERSION).sql $(API) $(TEST_API) >$@
