/*
 * asan_memdebug.h
 *	  Tells the address sanitizer what the server's memory contexts have given out, to the byte.
 *
 * A memory context takes large blocks from malloc(), so by itself the sanitizer sees an overflow of a
 * palloc'ed chunk only at the end of its block.  The server marks its chunks for Valgrind; a server
 * that test/server.sh builds with sanitizers takes these definitions for that tool's.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include <sanitizer/asan_interface.h>

#define VALGRIND_MAKE_MEM_DEFINED(addr, size)	ASAN_UNPOISON_MEMORY_REGION(addr, size)
#define VALGRIND_MAKE_MEM_UNDEFINED(addr, size)	ASAN_UNPOISON_MEMORY_REGION(addr, size)
#define VALGRIND_MAKE_MEM_NOACCESS(addr, size)	ASAN_POISON_MEMORY_REGION(addr, size)
#define VALGRIND_MEMPOOL_ALLOC(context, addr, size)	ASAN_UNPOISON_MEMORY_REGION(addr, size)
#define VALGRIND_MEMPOOL_CHANGE(context, old, addr, size)	ASAN_UNPOISON_MEMORY_REGION(addr, size)

/* what a context frees it marks itself, as assertions are on */
#define VALGRIND_MEMPOOL_FREE(context, addr)	do {} while (0)
#define VALGRIND_CREATE_MEMPOOL(context, redzones, zeroed)	do {} while (0)
#define VALGRIND_DESTROY_MEMPOOL(context)	do {} while (0)
#define VALGRIND_CHECK_MEM_IS_DEFINED(addr, size)	do {} while (0)
