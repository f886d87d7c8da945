/*
 * load_quota.c
 *	  Counting of loads.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/load_quota.h"

#include "catalog/sql.h"

int64
load_quota_used(const char *server, const char *table)
{
	static const char sql[] =
		"SELECT count(*) FROM dataops.load WHERE server = $1 AND target = $2 "
		"AND (job IS NOT NULL OR state = 'loading') "
		"AND created_at > clock_timestamp() - '24 hours'::interval";
	SqlArgs		args = {0};

	sql_add_text(&args, server);
	sql_add_text(&args, table);
	return sql_bigint(sql_run_own(sql, &args), 0, 1);
}
