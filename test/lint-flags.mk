# Prints the flags with which lint.sh calls either compiler: ours, more warnings, the server's headers without any.
top := .
include src/flags.mk
PG_CONFIG ?= pg_config

flags:
	@echo -std=gnu11 $(WARNINGS) -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wformat-security \
		-Wvla -Wimplicit-fallthrough $(DEFINITIONS) -isystem $(shell $(PG_CONFIG) --includedir-server) -D_GNU_SOURCE
