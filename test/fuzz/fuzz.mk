# Builds the fuzzers and the maker of their first inputs in the current directory; test/fuzz/fuzz.sh calls it.
# PG_CONFIG is that of the server built with sanitizers, OBJECTS the archive of its objects (test/server.sh).
top := $(patsubst %/test/fuzz/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
VPATH = $(top)

include $(top)/src/flags.mk

CC       := $(shell command -v clang || command -v clang-14)
SANITIZE  = -fsanitize=address,undefined -fno-sanitize-recover=undefined
CPPFLAGS  = $(DEFINITIONS) -DDATAOPS_TEST -DFUZZ_POSTGRES='"$(shell $(PG_CONFIG) --bindir)/postgres"' \
            -isystem $(shell $(PG_CONFIG) --includedir-server) -D_GNU_SOURCE -MMD -MP
# -fwrapv and its like are the server's, and ours when it is built in the usual way
CFLAGS    = -std=gnu11 $(WARNINGS) -O1 -g -fno-omit-frame-pointer -fwrapv -fno-strict-aliasing $(SANITIZE)
LIBS      = $(shell $(PKG_CONFIG) --libs $(LIBRARIES)) \
            $(filter-out -lpgcommon -lpgport,$(shell $(PG_CONFIG) --libs))

FUZZERS = jsonb cutter gzip answer bigquery text
OURS   := $(patsubst $(top)/%.c,%.o,$(sort $(wildcard $(top)/src/*/*.c)))
ALL    := $(OURS) $(patsubst $(top)/%.c,%.o,$(wildcard $(top)/test/fuzz/*.c))

$(shell mkdir -p $(sort $(dir $(ALL))))

.PHONY: all
all: $(FUZZERS) seed-inputs

%.o: %.c $(top)/test/fuzz/fuzz.mk $(top)/src/flags.mk
	$(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

dataops.a: $(OURS)
	rm -f $@
	ar qcs $@ $^

jsonb cutter bigquery: test/fuzz/json_mutator.o
$(FUZZERS): %: test/fuzz/%.o test/fuzz/harness.o dataops.a $(OBJECTS)
	$(CC) $(SANITIZE) -fsanitize=fuzzer -o $@ $(filter %.o,$^) dataops.a $(OBJECTS) $(LIBS)

seed-inputs: test/fuzz/seed.o test/fuzz/harness.o dataops.a $(OBJECTS)
	$(CC) $(SANITIZE) -o $@ $(filter %.o,$^) dataops.a $(OBJECTS) $(LIBS)

-include $(ALL:.o=.d)
