/*
 * guc.h
 *	  Our settings.  Those that guard the server are SUSET: they stand in the server's
 *	  configuration, and no ordinary session can change them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GUC_H
#define DATAOPS_GUC_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* All are "" when unset, never NULL. */
extern char *guc_file_root;			/* the folder that holds all file stores; "": none */
extern char *guc_network_limit;		/* see guc.c for the syntax */
extern char *guc_google_endpoints;	/* "service=origin", comma-separated */
extern char *guc_env_allowed;		/* NAME, file:/absolute/path, metadata */
extern char *guc_secret_key_file;	/* 32 bytes, or 64 hex digits */

extern int	guc_export_part_size;	/* kB, as stored: a part of an export is closed then */

/* Defines all settings; called once, by _PG_init. */
extern void guc_define(void);

/*
 * The trimmed, non-empty parts of a comma-separated text: List of palloc'ed char *.
 */
extern List *guc_list(const char *text);

#endif
