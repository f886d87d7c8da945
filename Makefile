# dataops: build, test and demo.  "make help" lists the targets.
# The compiling is done by src/extension.mk, in build/<version> for use and in build/<version>-test for the tests.
.PHONY: all install clean help check check-regress check-isolation check-tap check-google check-16 check-18 check-assert \
        check-sanitize fuzz lint typedefs demo demo-stop bench

PG_CONFIG ?= pg_config
PG_MAJOR   = $(shell $(PG_CONFIG) --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
BUILD      = build/$(PG_MAJOR)$(if $(TEST),-test)

EXTENSION_MAKE = mkdir -p $(BUILD) && $(MAKE) --no-print-directory -C $(BUILD) -f $(CURDIR)/src/extension.mk

all:
	+@$(EXTENSION_MAKE) PG_CONFIG=$(PG_CONFIG)

install:
	+@$(EXTENSION_MAKE) PG_CONFIG=$(PG_CONFIG) install $(if $(DESTDIR),DESTDIR=$(abspath $(DESTDIR)))

# Test runs go through test/check.sh, which counts and reports alike for one leg and for all of them.
check:
	@test/install-dependencies.sh test
	@test/check.sh lint 15:regress,isolation,tap,google 16:regress 18:regress assert:regress,isolation,tap

check-regress check-isolation check-tap check-google:
	@test/check.sh 15:$(@:check-%=%)

check-16 check-18:
	@test/check.sh $(@:check-%=%):regress

check-assert:
	@test/check.sh assert:regress,isolation,tap

# Not among those of "make check": a server with sanitizers takes its time.
check-sanitize:
	@test/install-dependencies.sh sanitize
	@test/check.sh sanitize:regress,isolation

fuzz:
	@test/install-dependencies.sh sanitize
	@test/fuzz/fuzz.sh

lint:
	@test/check.sh lint

# The list that pgindent wants: our own types, as they stand in the sources.
typedefs:
	@find src -name '*.[ch]' | xargs sed -nE \
		-e 's/^\} ([A-Z][A-Za-z0-9]*);$$/\1/p' \
		-e 's/^typedef (struct|union|enum) [A-Za-z0-9]+ ([A-Z][A-Za-z0-9]*);$$/\2/p' \
		-e 's/^typedef .*\(\*([A-Z][A-Za-z0-9]*)\).*/\1/p' | sort -u

demo:
	@docs/demo/demo.sh start

reference:
	@docs/reference.sh

demo-stop:
	@docs/demo/demo.sh stop

bench:
	@test/bench/bench.sh

clean:
	@if [ -d .demo ]; then docs/demo/demo.sh stop; fi
	rm -rf build
	rm -f dataops.so src/*.[od] src/*/*.[od] sql/dataops--*.sql

help:
	@echo 'make                   build the extension (TEST=1: with the functions only tests use)'
	@echo 'make install           install it into the server of PG_CONFIG (DESTDIR=: into a staging root)'
	@echo 'make demo              a pipeline on a throw-away server, from nothing (DATA=file.json, LIVE=1;'
	@echo '                       CLOUD=emulators: into local counterparts of Google Cloud)'
	@echo 'make demo-stop         stop and remove the demo'
	@echo 'make reference          docs/reference.md from the catalogue'
	@echo 'make check             everything below; installs what the tests need'
	@echo 'make check-regress     SQL tests, PostgreSQL 15 (TESTS="name ..." for some of them)'
	@echo 'make check-isolation   tests with several sessions (TESTS= likewise)'
	@echo 'make check-tap         tests that crash, restart and inspect whole servers (TESTS= likewise;'
	@echo '                       DATAOPS_EXPORT_MB=2048 makes the table of 122_upload that large, 100 MB else)'
	@echo 'make check-google      tests against local counterparts of Google Cloud (TESTS= likewise); they need Go'
	@echo 'make check-16 check-18 SQL tests on those versions'
	@echo 'make check-assert      all tests on a server with assertions'
	@echo 'make check-sanitize    SQL tests on a server with sanitizers of addresses and undefined behaviour (not in check)'
	@echo 'make fuzz              fuzz the readers of foreign bytes for FUZZ_SECONDS=240 in all (not in check)'
	@echo 'make lint              warnings of two compilers, symbols, layers, style'
	@echo 'make bench             measure against COPY and SQL by hand; writes build/bench/report.md'
	@echo '                       (RECORDS=1000000, ROUNDS=3, ONLY="fetch landing models export steps" for some of it;'
	@echo '                       PEERS=1: also against dlt, Great Expectations, Soda, dbt and DuckDB, from PyPI;'
	@echo '                       all of it with PEERS=1 writes docs/benchmarks.md)'
	@echo 'make typedefs          print our types, for pgindent'
	@echo 'make clean             remove everything built'
