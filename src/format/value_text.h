/*
 * value_text.h
 *	  The texts of common types' values, as the server's output functions write them under
 *	  DateStyle ISO, extra_float_digits 1 and TimeZone UTC, whatever the session has set.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_VALUE_TEXT_H
#define DATAOPS_VALUE_TEXT_H

#include "postgres.h"

#include "fmgr.h"

#include "format/row_encoder.h"

typedef enum TimeShape
{
	TIME_SQL,					/* 2024-02-29 12:00:00+00 */
	TIME_JSON					/* 2024-02-29T12:00:00+00:00 */
} TimeShape;

/* Integers look alike in all formats. */
extern const char *text_encode_int2(ColumnEncoder *column, Datum value, StringInfo out);
extern const char *text_encode_int4(ColumnEncoder *column, Datum value, StringInfo out);
extern const char *text_encode_int8(ColumnEncoder *column, Datum value, StringInfo out);

extern void text_append_uuid(StringInfo out, Datum value);

/* Returns false, having appended NaN, Infinity or -Infinity, when the value is no number. */
extern bool text_append_float4(StringInfo out, float4 value);
extern bool text_append_float8(StringInfo out, float8 value);
extern bool text_append_numeric(StringInfo out, Datum value);

/* Of type date, timestamp or timestamptz. */
extern void text_append_time(StringInfo out, Datum value, Oid type, TimeShape shape);

/* The output function of any type, to be kept with a column. */
extern FmgrInfo *text_output_function(Oid type);

#endif
