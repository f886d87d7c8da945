/*
 * uuid.h
 *	  Ids of ours: uuid version 7 (RFC 9562), made here so that a restore never repeats one.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_UUID_H
#define DATAOPS_UUID_H

#include "postgres.h"

#include "utils/uuid.h"

/* A new id: milliseconds since 1970, then bits that rise within this process, then random ones. */
extern pg_uuid_t uuid_v7(void);

/* Its text form, palloc'ed. */
extern char *uuid_text(const pg_uuid_t *id);

#endif
