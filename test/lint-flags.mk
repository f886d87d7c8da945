# Prints the flags with which lint.sh calls either compiler: our own, and the server's headers as system headers.
PG_CONFIG ?= pg_config
PKG_CONFIG ?= pkg-config
include warnings.mk
LIBRARIES = libcurl jansson libcrypto zlib libdeflate

flags:
	@echo -std=gnu11 $(WARNINGS) -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wformat-security \
		-Wvla -Wimplicit-fallthrough -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) -D_GNU_SOURCE \
		$(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
