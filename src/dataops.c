/*
 * dataops.c
 *	  Module magic and settings; nothing else runs when the library is loaded.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"
#include "core/guc.h"

#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	guc_define();
	MarkGUCPrefixReserved("dataops");
}
