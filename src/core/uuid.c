/*
 * uuid.c
 *	  uuid version 7 with a counter: ids of one process sort in the order they were made.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/uuid.h"

#include <sys/time.h>

#include "fmgr.h"
#include "utils/builtins.h"

#define COUNTER_BITS 12			/* rand_a of RFC 9562 §6.2, method 1 */

pg_uuid_t
uuid_v7(void)
{
	static uint64 last_ms = 0;
	static uint32 counter = 0;
	struct timeval now;
	uint64		ms;
	pg_uuid_t	id;

	gettimeofday(&now, NULL);
	ms = (uint64) now.tv_sec * 1000 + now.tv_usec / 1000;
	if (ms <= last_ms)
	{
		ms = last_ms;
		if (++counter >> COUNTER_BITS)
		{
			ms++;				/* counter used up: borrow from the next millisecond */
			counter = 0;
		}
	}
	else
		counter = 0;
	last_ms = ms;
	if (!pg_strong_random(id.data + 8, 8))
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random bytes"));
	for (int i = 0; i < 6; i++)
		id.data[i] = (unsigned char) (ms >> (8 * (5 - i)));
	id.data[6] = 0x70 | (counter >> 8);
	id.data[7] = counter & 0xFF;
	id.data[8] = (id.data[8] & 0x3F) | 0x80;
	return id;
}

char *
uuid_text(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}
