/*
 * row_encoder.h
 *	  Rows to the bytes of a file, one column encoder per column.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_ROW_ENCODER_H
#define DATAOPS_ROW_ENCODER_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "lib/stringinfo.h"

typedef enum RowFormat
{
	ROW_NDJSON,					/* a line is what row_to_json() gives, as UTF-8 */
	ROW_CSV						/* as COPY … (FORMAT csv, HEADER), UTF-8 */
} RowFormat;

typedef struct ColumnEncoder ColumnEncoder;

/*
 * Appends one value that is not null, without a zero byte behind it.  NULL, or why the file's
 * reader would refuse, round or change it: a clause such as "is out of range for NUMERIC"; then
 * what was appended is dropped.
 */
typedef const char *(*EncodeValue) (ColumnEncoder *column, Datum value, StringInfo out);

struct ColumnEncoder
{
	EncodeValue encode;
	const char *name;			/* as in the file */
	Oid			type;
	int32		typmod;
	bool		nulls_pass;		/* set before: null may be written where its reader changes it */
	const char *null_problem;	/* why null may not be written, a clause as above; NULL: it may */
	void	   *state;			/* the encoder's own */
};

/*
 * Chooses the encoder of a column; allocates in CurrentMemoryContext.  Throws 0A000 or 42611 when
 * the type cannot be written at all.
 */
typedef void (*ChooseEncoder) (ColumnEncoder *column, Form_pg_attribute attribute);

/* The encoders with PostgreSQL's own texts. */
extern void ndjson_choose(ColumnEncoder *column, Form_pg_attribute attribute);
extern void csv_choose(ColumnEncoder *column, Form_pg_attribute attribute);

/* Appends a text as a field of CSV: in quotes where it must. */
extern void csv_append(StringInfo out, const char *bytes, size_t length);

/*
 * The encoders with the texts that BigQuery's load jobs read without loss; they check each value.
 * A numeric whose precision is not declared is BIGNUMERIC, or STRING with the second one.
 */
extern void bigquery_ndjson_choose(ColumnEncoder *column, Form_pg_attribute attribute);
extern void bigquery_ndjson_choose_string(ColumnEncoder *column, Form_pg_attribute attribute);

#endif
