/*
 * outbox.h
 *	  Every SQL text about deliveries: dataops.export and export_part.
 *
 * A row is committed before the first of its objects leaves, in state encoding; its parts are
 * recorded when all are encoded, in state open; then it goes to uploaded, to done, or to removed.
 * A state is left once: each UPDATE names the one it expects.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_OUTBOX_H
#define DATAOPS_OUTBOX_H

#include "catalog/run.h"

typedef struct OutboxPart
{
	char	   *name;			/* of the object, within its area */
	int64		rows;
	int64		bytes;
	uint32		crc32c;
	int64		generation;		/* 0: not known */
} OutboxPart;

typedef struct OutboxExport
{
	pg_uuid_t	id;
	pg_uuid_t	run;			/* which made it */
	bool		for_load;
	pg_uuid_t	load;
	char	   *relation;
	char	   *server;
	char	   *folder;			/* of its objects, without a slash at its end */
	char	   *name_prefix;	/* of the parts' names, all there ever may be */
	char	   *format;			/* ndjson, csv */
	char	   *compression;	/* gzip, none */
	char	   *snapshot;		/* NULL: changes are not tracked */
	List	   *tables;			/* OIDs, with "snapshot" */
	Jsonb	   *columns;		/* [{"name", "type"}] */
	int64		rows;
	int64		bytes;
	TimestampTz created_at;
	bool		encoded;		/* state: no longer encoding; before, the parts are not known */
	bool		uploaded;		/* state: uploaded */
	List	   *parts;			/* OutboxPart *, in order */
} OutboxExport;

/* All need a transaction; results are in CurrentMemoryContext. */

/* Records a new one in state encoding. */
extern void outbox_begin(Run *run, Step *step, const OutboxExport *export);

/* State open: with columns, snapshot, tables, rows, bytes and parts. */
extern void outbox_encoded(const OutboxExport *export);

/* Deletes one in state encoding, of which no object was ever begun. */
extern void outbox_forget(const OutboxExport *export);

/* State uploaded, with the parts' generations. */
extern void outbox_uploaded(const OutboxExport *export);

/* Throw 55000 when somebody else has ended it meanwhile. */
extern void outbox_done(const OutboxExport *export);
extern void outbox_removed(const OutboxExport *export);

/*
 * What other attempts of this step have left encoding, open or uploaded, oldest first: exports, or
 * with "load" what was made for that load.  List of OutboxExport *.
 */
extern List *outbox_unfinished(Run *run, Step *step, const char *server, const pg_uuid_t *load);

/* What other attempts of this step have left encoding for loads that never began.  Likewise. */
extern List *outbox_unborn(Run *run, Step *step, const char *server);

/*
 * The last export of the relation to the server that this step of this installation has done: its
 * snapshot and tables (OIDs); false when there is none.
 */
extern bool outbox_last(Run *run, Step *step, const char *relation, const char *server,
						char **snapshot, List **tables);

/* The names in its folder that other exports to the server have put or may put.  List of char *. */
extern List *outbox_names_of_others(const OutboxExport *export);

/* What manifest.json says of it; always the same bytes. */
extern char *outbox_manifest(const OutboxExport *export);

#endif
