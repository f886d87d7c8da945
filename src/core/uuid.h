/*
 * uuid.h
 *	  Identities made here: version 7 (RFC 9562), in the order of their making within a process.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_UUID_H
#define DATAOPS_UUID_H

#include "postgres.h"
#include "utils/uuid.h"

#define UUID_TEXT_LENGTH	36

/* What a process remembers between two identities. */
typedef struct UuidClock
{
	uint64		unix_ms;
	uint32		counter;
} UuidClock;

/* A new identity, greater than all former ones of this process. Throws without random bytes. */
extern pg_uuid_t uuid_v7(void);

/*
 * The same with time and memory given, for tests. When the clock stands still or goes back, the
 * counter goes on; when the counter is full, the remembered millisecond does.
 */
extern pg_uuid_t uuid_v7_at(UuidClock *clock, uint64 unix_ms);

/* In the usual form, lower case; allocated in CurrentMemoryContext. */
extern char *uuid_text(const pg_uuid_t *uuid);

#endif
