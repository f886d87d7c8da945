# What both compilers must be silent about; the exceptions are what the server's own headers and macros need.
WARNINGS = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
           -Wno-missing-field-initializers -Wno-declaration-after-statement -Wno-cast-function-type
