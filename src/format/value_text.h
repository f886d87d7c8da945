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

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/date.h"

#include "format/row_encoder.h"

/* ---- the choice ---- */

/* Which encoder of a format writes a type. */
typedef struct TypeEncoder
{
	Oid			type;
	EncodeValue encode;
} TypeEncoder;

/*
 * Begins a column: name, base type, and the encoder that the format has for it, or none.  Columns
 * of dates and timestamps have a DayText as state.
 */
extern void text_choose(ColumnEncoder *column, Form_pg_attribute attribute,
						const TypeEncoder *encoders, int count);

/* The output function of any type, to be kept with a column. */
extern FmgrInfo *text_output_function(Oid type);

/* ---- numbers and such ---- */

/* Integers look alike in all formats. */
extern const char *text_encode_int2(ColumnEncoder *column, Datum value, StringInfo out);
extern const char *text_encode_int4(ColumnEncoder *column, Datum value, StringInfo out);
extern const char *text_encode_int8(ColumnEncoder *column, Datum value, StringInfo out);

extern void text_append_int8(StringInfo out, int64 value);
extern void text_append_uuid(StringInfo out, Datum value);

/* Returns false, having appended NaN, Infinity or -Infinity, when the value is no number. */
extern bool text_append_float4(StringInfo out, float4 value);
extern bool text_append_float8(StringInfo out, float8 value);

/* ---- dates and times ---- */

typedef enum TimeShape
{
	TIME_SQL,					/* 2024-02-29 12:00:00+00 */
	TIME_JSON					/* 2024-02-29T12:00:00+00:00 */
} TimeShape;

#define DAY_TEXT_LENGTH		10
#define CLOCK_TEXT_LENGTH	8

/* The date that was written last: rows that follow one another often have the same. */
typedef struct DayText
{
	DateADT		day;
	char		text[DAY_TEXT_LENGTH];
} DayText;

extern DayText *text_day_create(void);

/* Of type date, timestamp or timestamptz. */
extern void text_append_time(StringInfo out, Datum value, Oid type, TimeShape shape,
							 DayText *last);

/* Is the day within the years 1 to 9999, whose dates have ten characters? */
extern bool text_day_is_common(DateADT day);

/* The day, and the time in it; false unless the day is a common one. */
extern bool text_split_timestamp(Timestamp timestamp, DateADT *day, TimeADT *time);

/*
 * A common day as 2024-02-29, whole seconds as 12:00:00, what is left of them as .000000; they
 * return the end of what they wrote.
 */
extern char *text_put_day(char *to, DateADT day, DayText *last);
extern char *text_put_clock(char *to, TimeADT time);
extern char *text_put_fraction(char *to, TimeADT time);

#endif
