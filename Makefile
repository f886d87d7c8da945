# dataops: build, test and demo.  `make help` lists the targets.
EXTENSION   = dataops
MODULE_big  = dataops
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" dataops.control)

OBJS    = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
SCHEMA  = $(sort $(wildcard sql/schema/*.sql))
API     = $(sort $(wildcard sql/api/*.sql))
DATA_built = sql/dataops--$(EXTVERSION).sql

PKG_CONFIG ?= pkg-config
LIBRARIES   = libcurl jansson libcrypto zlib libdeflate
PG_CPPFLAGS = -I$(CURDIR)/src -DDATAOPS_VERSION='"$(EXTVERSION)"' $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
PG_CFLAGS   = -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
              -Wno-missing-field-initializers -Wno-declaration-after-statement -Wno-cast-function-type
SHLIB_LINK  = $(shell $(PKG_CONFIG) --libs $(LIBRARIES)) \
              -Wl,--version-script=$(CURDIR)/src/exports.map -Wl,-z,relro,-z,now
EXTRA_CLEAN = $(wildcard sql/dataops--*.sql)

# The tests' own functions and fault points (make TEST=1) never reach an ordinary build.
ifdef TEST
PG_CPPFLAGS += -DDATAOPS_TEST
API += $(sort $(wildcard sql/test/*.sql))
endif

PG_CONFIG ?= pg_config
with_llvm  = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

sql/dataops--$(EXTVERSION).sql: sql/guard.sql $(SCHEMA) $(API)
	cat $^ > $@
