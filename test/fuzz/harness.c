/*
 * harness.c
 *	  As much of a server as readers of foreign bytes need, inside a fuzzer.
 *
 * The server's own objects are linked in: memory contexts, errors, encodings, jsonb.  There is no
 * catalog, no shared memory and no transaction.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "harness.h"

#include <unistd.h>

#include "core/compat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/* With sanitizers a level of nesting takes the server some times more stack than it does without. */
#define SERVER_STACK_KB		(6 * 1024)
#define OUR_STACK_KB		2048

int			LLVMFuzzerInitialize(int *argc, char ***argv);
int			LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

static MemoryContext input_memory;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	/* the server finds its time zones by it */
	strlcpy(my_exec_path, FUZZ_POSTGRES, MAXPGPATH);
	MyProcPid = getpid();
	MemoryContextInit();
	(void) set_stack_base();
	assign_max_stack_depth(SERVER_STACK_KB, NULL);
	max_stack_depth = OUR_STACK_KB;
	SetDatabaseEncoding(PG_UTF8);
	input_memory = AllocSetContextCreate(TopMemoryContext, "input", ALLOCSET_DEFAULT_SIZES);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	MemoryContextSwitchTo(input_memory);
	PG_TRY();
	{
		fuzz_one(fuzz_bytes((const char *) data, size), size);
	}
	PG_CATCH();
	{
		EmitErrorReport();
		fuzz_fail("an error was thrown");
	}
	PG_END_TRY();
	MemoryContextReset(input_memory);
	return 0;
}

int
fuzz_guarded(void (*function) (void *arg), void *arg)
{
	volatile int sqlstate = 0;
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		function(arg);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		sqlstate = geterrcode();
		FlushErrorState();
	}
	PG_END_TRY();
	return sqlstate;
}

char *
fuzz_bytes(const char *bytes, size_t length)
{
	MemoryContextCallback *release = palloc(sizeof(MemoryContextCallback));
	char	   *copy = malloc(length);

	if (length > 0)
		memcpy(copy, bytes, length);
	release->func = free;
	release->arg = copy;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, release);
	return copy;
}

char *
fuzz_text(const char *bytes, size_t length)
{
	char	   *terminated = palloc(length + 1);
	char	   *copy;

	if (length > 0)
		memcpy(terminated, bytes, length);
	terminated[length] = '\0';
	copy = fuzz_bytes(terminated, length + 1);
	pfree(terminated);
	return copy;
}

MemberPath *
fuzz_path(const char *text)
{
	MemberPath *path;
	int			position;
	const char *why;

	fuzz_check(member_path_parse(text, CurrentMemoryContext, &path, &position, &why));
	return path;
}

void
fuzz_fail(const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}

bool
fuzz_is_text(const char *text)
{
	return pg_verify_mbstr(PG_UTF8, text, strlen(text), true);
}
