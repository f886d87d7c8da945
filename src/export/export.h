/*
 * export.h
 *	  The export stage: the rows of a relation as files in a folder of an object store.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_EXPORT_H
#define DATAOPS_EXPORT_H

#include "catalog/run.h"
#include "format/row_encoder.h"

/* What add_export() said. */
typedef struct ExportSpec
{
	char	   *relation;		/* "schema.table" */
	char	   *server;
	bool		changed;		/* rows => 'changed', else all */
	RowFormat	format;
	bool		gzip;
	char	   *path;			/* template of the parts' names */
	char	   *search_path;
} ExportSpec;

/* Reads the document of step "name"; 22023 for what no export can be. */
extern ExportSpec *export_spec_read(const char *name, Jsonb *spec);

/*
 * Delivers what the relation holds, or what changed in it since the last time; before that, goes on
 * with or takes back what former attempts left.  Works in transactions of its own; the result's
 * "conclude" belongs to the one that records the end of the step.
 */
extern StageResult export_stage(Run *run, Step *step);

#endif
