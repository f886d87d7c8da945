/*
 * uuid.c
 *	  UUID version 7: 48 bits of Unix milliseconds, a 12-bit counter, 62 random bits.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/uuid.h"

#include "utils/timestamp.h"

#define COUNTER_MAX		0xFFF

static uint64
unix_milliseconds(void)
{
	return (GetCurrentTimestamp() +
			(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY) / 1000;
}

/* Moves the clock to a pair (millisecond, counter) above all former ones. */
static void
clock_advance(UuidClock *clock, uint64 unix_ms, uint32 random)
{
	if (unix_ms > clock->unix_ms)
	{
		clock->unix_ms = unix_ms;
		clock->counter = random & (COUNTER_MAX >> 1);	/* the lower half: room to count up */
	}
	else if (clock->counter < COUNTER_MAX)
		clock->counter++;
	else
	{
		clock->unix_ms++;
		clock->counter = 0;
	}
}

pg_uuid_t
uuid_v7_at(UuidClock *clock, uint64 unix_ms)
{
	pg_uuid_t	uuid;
	uint16		seed;

	if (!pg_strong_random(uuid.data, UUID_LEN))
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes"));
	memcpy(&seed, uuid.data, sizeof(seed));		/* these bytes are overwritten below */
	clock_advance(clock, unix_ms, seed);

	for (int i = 0; i < 6; i++)
		uuid.data[i] = (clock->unix_ms >> (40 - 8 * i)) & 0xFF;
	uuid.data[6] = 0x70 | (clock->counter >> 8);
	uuid.data[7] = clock->counter & 0xFF;
	uuid.data[8] = 0x80 | (uuid.data[8] & 0x3F);
	return uuid;
}

pg_uuid_t
uuid_v7(void)
{
	static UuidClock clock;

	return uuid_v7_at(&clock, unix_milliseconds());
}

char *
uuid_text(const pg_uuid_t *uuid)
{
	static const char digits[] = "0123456789abcdef";
	char	   *text = palloc(UUID_TEXT_LENGTH + 1);
	char	   *next = text;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*next++ = '-';
		*next++ = digits[uuid->data[i] >> 4];
		*next++ = digits[uuid->data[i] & 0x0F];
	}
	*next = '\0';
	return text;
}
