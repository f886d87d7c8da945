# How both compilers are called, in the build and by lint.  Expects "top", the root of the tree.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(top)/dataops.control)

PKG_CONFIG ?= pkg-config
LIBRARIES   = libcurl jansson libcrypto zlib libdeflate
DEFINITIONS = -I$(top)/src -DDATAOPS_VERSION='"$(EXTVERSION)"' $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))

# The exceptions are what the server's own headers and macros need.
WARNINGS = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
           -Wno-missing-field-initializers -Wno-declaration-after-statement -Wno-cast-function-type
