/*
 * parts.c
 *	  A receiver of a query's rows that writes them into line files, part by part.
 *
 * A row is encoded straight behind the lines that wait to be compressed; one that cannot be
 * written is cut off again.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "export/parts.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "tcop/dest.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "catalog/sql.h"
#include "core/compat.h"
#include "format/json_text.h"
#include "format/line_file.h"
#include "model/execute.h"

/* What stands around the values of a line. */
typedef struct LineFrame
{
	const char *begin;
	char	  **before;			/* per column: separator, name */
	const char *null;
	const char *end;
	char	   *header;			/* of each part; "" without one */
} LineFrame;

typedef struct PartsReceiver
{
	DestReceiver base;
	const PartsOptions *options;
	MemoryContext memory;		/* of the result */
	MemoryContext row_memory;	/* emptied after each row */
	int			ncolumns;
	ColumnEncoder *columns;
	LineFrame	frame;
	TupleDesc	record_columns;	/* of the record of a bad row; NULL until there is one */
	Parts	   *parts;
	LineFile   *file;			/* of the part in hand; NULL: none is begun */
	int64		part_rows;
	int64		row;			/* number in the scan, from 1 */
} PartsReceiver;

/* ---- frames ---- */

static void
frame_ndjson(PartsReceiver *receiver)
{
	LineFrame  *frame = &receiver->frame;

	frame->begin = "{";
	frame->null = "null";
	frame->end = "}\n";
	frame->header = "";
	for (int i = 0; i < receiver->ncolumns; i++)
	{
		const char *name = receiver->columns[i].name;
		StringInfoData text;

		initStringInfo(&text);
		if (i > 0)
			appendStringInfoChar(&text, ',');
		json_append_string(&text, name, strlen(name));
		appendStringInfoChar(&text, ':');
		frame->before[i] = text.data;
	}
}

/* A field alone in its line that looks like the end of data to older readers is quoted. */
static void
quote_end_of_data(StringInfo lines, int start)
{
	if (lines->len - start != 2 || memcmp(lines->data + start, "\\.", 2) != 0)
		return;
	lines->len = start;
	appendStringInfoString(lines, "\"\\.\"");
}

static void
frame_csv(PartsReceiver *receiver)
{
	LineFrame  *frame = &receiver->frame;
	StringInfoData header;

	frame->begin = "";
	frame->null = "";
	frame->end = "\n";
	initStringInfo(&header);
	for (int i = 0; i < receiver->ncolumns; i++)
	{
		const char *name = receiver->columns[i].name;

		frame->before[i] = i > 0 ? "," : "";
		appendStringInfoString(&header, frame->before[i]);
		csv_append(&header, name, strlen(name));
	}
	if (receiver->ncolumns == 1)
		quote_end_of_data(&header, 0);
	appendStringInfoString(&header, frame->end);
	frame->header = pg_server_to_any(header.data, header.len, PG_UTF8);
}

static void
parts_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	PartsReceiver *receiver = (PartsReceiver *) self;
	MemoryContext previous = MemoryContextSwitchTo(receiver->memory);

	receiver->parts->columns = CreateTupleDescCopy(desc);
	receiver->ncolumns = desc->natts;
	receiver->columns = palloc0(sizeof(ColumnEncoder) * Max(desc->natts, 1));
	receiver->frame.before = palloc0(sizeof(char *) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		receiver->columns[i].nulls_pass = receiver->options->bad_value == BAD_VALUE_NULL;
		receiver->options->choose(&receiver->columns[i], TupleDescAttr(desc, i));
	}
	if (receiver->options->format == ROW_CSV)
		frame_csv(receiver);
	else
		frame_ndjson(receiver);
	MemoryContextSwitchTo(previous);
}

/* ---- parts ---- */

static void
begin_part(PartsReceiver *receiver)
{
	receiver->file = line_file_begin(receiver->memory, receiver->options->gzip);
	receiver->part_rows = 0;
	appendStringInfoString(&receiver->file->lines, receiver->frame.header);
}

static void
end_part(PartsReceiver *receiver)
{
	MemoryContext previous = MemoryContextSwitchTo(receiver->memory);
	Part	   *part = palloc(sizeof(Part));

	line_file_finish(receiver->file);
	part->spool = receiver->file->spool;
	part->rows = receiver->part_rows;
	part->bytes = spool_size(part->spool);
	part->crc32c = receiver->file->crc32c;
	receiver->parts->parts = lappend(receiver->parts->parts, part);
	receiver->parts->rows += part->rows;
	receiver->parts->bytes += part->bytes;
	receiver->file = NULL;
	MemoryContextSwitchTo(previous);
}

/* ---- rows ---- */

pg_noreturn static void
refuse(const PartsReceiver *receiver, const char *column, const char *reason)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("column \"%s\" of row " INT64_FORMAT " %s", column, receiver->row, reason),
			errhint("Mend it, or have such values set aside or written as null: on_bad_value => "
					"'quarantine' or 'null'."));
}

/* The row as jsonb.  What a column of type json holds may be no jsonb: it becomes a string. */
static Datum
record_of(PartsReceiver *receiver, TupleTableSlot *slot)
{
	if (receiver->record_columns == NULL)
	{
		MemoryContext previous = MemoryContextSwitchTo(receiver->memory);
		TupleDesc	desc = CreateTupleDescCopy(receiver->parts->columns);

		for (int i = 0; i < desc->natts; i++)
			if (receiver->columns[i].type == JSONOID)
				TupleDescInitEntry(desc, i + 1, NameStr(TupleDescAttr(desc, i)->attname), TEXTOID,
								   -1, 0);
		receiver->record_columns = BlessTupleDesc(desc);
		MemoryContextSwitchTo(previous);
	}
	return JsonbPGetDatum(row_as_jsonb(receiver->record_columns, slot->tts_values,
									   slot->tts_isnull));
}

static void
report_bad_row(PartsReceiver *receiver, TupleTableSlot *slot, const char *column,
			   const char *reason)
{
	BadRow		bad = {.row = receiver->row, .column = column, .reason = reason};

	receiver->parts->bad_values++;
	if (receiver->options->on_bad_row == NULL)
		return;
	bad.record = record_of(receiver, slot);
	receiver->options->on_bad_row(&bad, receiver->options->arg);
}

/* Appends the values of the row; false when it is to be left out. */
static bool
append_values(PartsReceiver *receiver, TupleTableSlot *slot, StringInfo lines)
{
	const LineFrame *frame = &receiver->frame;

	for (int i = 0; i < receiver->ncolumns; i++)
	{
		ColumnEncoder *column = &receiver->columns[i];
		const char *reason;
		int			start;

		appendStringInfoString(lines, frame->before[i]);
		start = lines->len;
		reason = slot->tts_isnull[i] ? column->null_problem :
			column->encode(column, slot->tts_values[i], lines);
		if (reason != NULL)
		{
			lines->len = start;
			if (receiver->options->bad_value == BAD_VALUE_REFUSE)
				refuse(receiver, column->name, reason);
			if (receiver->options->bad_value == BAD_VALUE_QUARANTINE)
			{
				report_bad_row(receiver, slot, column->name, reason);
				return false;
			}
			receiver->parts->bad_values++;
		}
		if (slot->tts_isnull[i] || reason != NULL)
			appendStringInfoString(lines, frame->null);
	}
	return true;
}

static void
line_to_utf8(StringInfo lines, int start)
{
	char	   *line = lines->data + start;
	char	   *utf8 = pg_server_to_any(line, lines->len - start, PG_UTF8);

	if (utf8 == line)
		return;
	lines->len = start;
	appendStringInfoString(lines, utf8);
}

static void
append_row(PartsReceiver *receiver, TupleTableSlot *slot)
{
	StringInfo	lines = &receiver->file->lines;
	int			start = lines->len;

	appendStringInfoString(lines, receiver->frame.begin);
	if (!append_values(receiver, slot, lines))
	{
		lines->len = start;
		return;
	}
	if (receiver->options->format == ROW_CSV && receiver->ncolumns == 1)
		quote_end_of_data(lines, start);
	appendStringInfoString(lines, receiver->frame.end);
	if (GetDatabaseEncoding() != PG_UTF8)
		line_to_utf8(lines, start);
	receiver->part_rows++;
}

static bool
parts_receive(TupleTableSlot *slot, DestReceiver *self)
{
	PartsReceiver *receiver = (PartsReceiver *) self;
	MemoryContext previous = MemoryContextSwitchTo(receiver->row_memory);

	receiver->row++;
	slot_getallattrs(slot);
	if (receiver->file == NULL)
		begin_part(receiver);
	append_row(receiver, slot);
	line_file_end_line(receiver->file);
	if (receiver->part_rows > 0 && line_file_size(receiver->file) >= receiver->options->part_bytes)
		end_part(receiver);
	MemoryContextSwitchTo(previous);
	MemoryContextReset(receiver->row_memory);
	return true;
}

static void
parts_shutdown(DestReceiver *self)
{
}

/* ---- the scan ---- */

static void
run_query(const char *query, DestReceiver *receiver)
{
	SPIExecuteOptions options = {.read_only = true, .must_return_tuples = true, .dest = receiver};
	int			level = NewGUCNestLevel();
	int			code;

	sql_pin_setting("TimeZone", "UTC");
	sql_pin_setting("DateStyle", "ISO, YMD");
	sql_pin_setting("IntervalStyle", "postgres");
	sql_pin_setting("bytea_output", "hex");
	sql_pin_setting("extra_float_digits", "1");
	sql_pin_setting("synchronize_seqscans", "off");
	SPI_connect();
	code = SPI_execute_extended(query, &options);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "a delivery's query returned no rows: %s", SPI_result_code_string(code));
	SPI_finish();
	AtEOXact_GUC(false, level);
}

Parts *
parts_encode(const char *query, const PartsOptions *options, MemoryContext memory)
{
	PartsReceiver receiver = {
		.base = {parts_receive, parts_startup, parts_shutdown, parts_shutdown, DestTuplestore},
		.options = options,
		.memory = memory
	};

	receiver.parts = MemoryContextAllocZero(memory, sizeof(Parts));
	receiver.row_memory = AllocSetContextCreate(memory, "dataops row", ALLOCSET_DEFAULT_SIZES);
	run_query(query, &receiver.base);
	if (receiver.file != NULL && receiver.part_rows > 0)
		end_part(&receiver);
	MemoryContextDelete(receiver.row_memory);
	return receiver.parts;
}
