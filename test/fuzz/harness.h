/*
 * harness.h
 *	  As much of a server as readers of foreign bytes need, inside a fuzzer.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_FUZZ_HARNESS_H
#define DATAOPS_FUZZ_HARNESS_H

#include "postgres.h"

#include "core/memberpath.h"

/*
 * What a fuzzer is made of: reads one input, in a memory context that is reset after it.  The bytes
 * lie in memory of just their size, with none behind them.  An error that it lets out is a finding.
 */
extern void fuzz_one(const char *bytes, size_t length);

/* Bytes at the beginning of an input that are no JSON, for fuzzers with the mutator of JSON. */
extern const size_t fuzz_prefix;

/* Runs the function; the SQLSTATE of the error that it threw, or 0. */
extern int	fuzz_guarded(void (*function) (void *arg), void *arg);

/* Bytes in memory of just their size, until the input's end. */
extern char *fuzz_bytes(const char *bytes, size_t length);

/* The same with a zero byte behind them. */
extern char *fuzz_text(const char *bytes, size_t length);

/* The path that the text is, until the input's end. */
extern MemberPath *fuzz_path(const char *text);

/* Tells what is wrong, and ends the process. */
extern void fuzz_fail(const char *format,...) __attribute__((format(printf, 1, 2), noreturn));

#define fuzz_check(condition) \
	do { \
		if (!(condition)) \
			fuzz_fail("not so: %s", #condition); \
	} while (0)

/* Is it a text that a column can hold? */
extern bool fuzz_is_text(const char *text);

#endif
