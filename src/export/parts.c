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
#include "format/append.h"
#include "format/json_text.h"
#include "format/line_blocks.h"
#include "format/line_file.h"
#include "model/execute.h"

/* The sink is called after so many bytes of lines, or so many rows. */
/*
 * Not larger than gzip -6 makes ordinary columns, in a third of its time.  1 takes two thirds of
 * that for two or three percent more bytes; 5 saves a tenth of them and takes half as long again.
 */
#define PART_LEVEL		4

#define MOVE_ON_BYTES	(64 * 1024)
#define MOVE_ON_ROWS	16

/* What stands around the values of a line. */
typedef struct LineFrame
{
	StringInfoData *before;		/* per column: separator, name; one more ends the line */
	StringInfoData null;
	StringInfo	header;			/* of each part, as stored; empty when there is none */
} LineFrame;

typedef struct PartsReceiver
{
	DestReceiver base;
	const PartsOptions *options;
	MemoryContext memory;		/* of the result */
	MemoryContext work;			/* of the encoding: gone at its end */
	MemoryContext row_memory;	/* emptied after each row */
	int			ncolumns;
	ColumnEncoder *columns;
	LineFrame	frame;
	bool		convert;		/* lines are in the database's encoding, not in UTF-8 */
	TupleDesc	record_columns;	/* of the record of a bad row; NULL until there is one */
	Parts	   *parts;
	LineBlocks *blocks;			/* the lines on their way to a part */
	MemoryContext part_memory;
	LineFile   *file;			/* of the part in hand; NULL: none is begun */
	int64		part_rows;		/* stored in it */
	int64		row;			/* number in the scan, from 1 */
	int			quiet_bytes;	/* since the sink was called */
	int			quiet_rows;
} PartsReceiver;

/* ---- frames ---- */

static void
frame_ndjson(LineFrame *frame, const ColumnEncoder *columns, int ncolumns)
{
	appendStringInfoString(&frame->null, "null");
	appendStringInfoChar(&frame->before[0], '{');
	for (int i = 0; i < ncolumns; i++)
	{
		if (i > 0)
			appendStringInfoChar(&frame->before[i], ',');
		json_append_string(&frame->before[i], columns[i].name, strlen(columns[i].name));
		append_char(&frame->before[i], ':');
	}
	appendStringInfoString(&frame->before[ncolumns], "}\n");
	frame->header = makeStringInfo();
}

/* A field alone in its line that looks like the end of data to older readers is quoted. */
static void
quote_end_of_data(StringInfo lines, int start)
{
	if (lines->len - start != 2 || memcmp(lines->data + start, "\\.", 2) != 0)
		return;
	lines->len = start;
	append_literal(lines, "\"\\.\"");
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
frame_csv(LineFrame *frame, const ColumnEncoder *columns, int ncolumns, const LineBlocks *blocks)
{
	StringInfoData header;

	initStringInfo(&header);
	for (int i = 0; i < ncolumns; i++)
	{
		if (i > 0)
			appendStringInfoChar(&frame->before[i], ',');
		append_bytes(&header, frame->before[i].data, frame->before[i].len);
		csv_append(&header, columns[i].name, strlen(columns[i].name));
	}
	if (ncolumns == 1)
		quote_end_of_data(&header, 0);
	appendStringInfoChar(&frame->before[ncolumns], '\n');
	appendStringInfoChar(&header, '\n');
	line_to_utf8(&header, 0);
	frame->header = line_blocks_alone(blocks, header.data, header.len);
}

static void
frame_init(LineFrame *frame, int ncolumns)
{
	initStringInfo(&frame->null);
	frame->before = palloc(sizeof(StringInfoData) * (ncolumns + 1));
	for (int i = 0; i <= ncolumns; i++)
		initStringInfo(&frame->before[i]);
}

/* ---- parts ---- */

static void
begin_part(PartsReceiver *receiver)
{
	const StringInfoData *header = receiver->frame.header;

	receiver->part_memory = AllocSetContextCreate(receiver->memory, "dataops part",
												  ALLOCSET_SMALL_SIZES);
	receiver->file = line_file_begin(receiver->part_memory);
	if (receiver->options->sink != NULL)
		spool_set_hint(receiver->file->spool, receiver->options->sink->limit_hint);
	receiver->part_rows = 0;
	line_file_add(receiver->file, header->data, header->len);
}

static void
end_part(PartsReceiver *receiver)
{
	const PartsSink *sink = receiver->options->sink;
	MemoryContext previous = MemoryContextSwitchTo(receiver->memory);
	Part	   *part = MemoryContextAlloc(receiver->part_memory, sizeof(Part));

	line_file_finish(receiver->file);
	spool_end(receiver->file->spool);
	part->memory = receiver->part_memory;
	part->spool = receiver->file->spool;
	part->rows = receiver->part_rows;
	part->bytes = spool_size(part->spool);
	part->crc32c = receiver->file->crc32c;
	receiver->parts->rows += part->rows;
	receiver->parts->bytes += part->bytes;
	receiver->file = NULL;
	if (sink == NULL)
		receiver->parts->parts = lappend(receiver->parts->parts, part);
	MemoryContextSwitchTo(previous);
	if (sink != NULL && !sink->take(part, sink->arg))
		receiver->parts->ended_early = true;
}

/* Now and then between rows. */
static void
let_move_on(PartsReceiver *receiver)
{
	const PartsSink *sink = receiver->options->sink;

	if (sink == NULL || (receiver->quiet_bytes < MOVE_ON_BYTES &&
						 ++receiver->quiet_rows < MOVE_ON_ROWS))
		return;
	receiver->quiet_bytes = receiver->quiet_rows = 0;
	line_blocks_collect(receiver->blocks);
	if (!sink->move_on(sink->arg))
		receiver->parts->ended_early = true;
}

/* Rows as they are stored; the part that they fill is closed. */
static void
store_block(void *arg, const char *bytes, size_t length, int64 rows)
{
	PartsReceiver *receiver = arg;

	if (receiver->parts->ended_early)
		return;
	if (receiver->file == NULL)
		begin_part(receiver);
	line_file_add(receiver->file, bytes, length);
	receiver->part_rows += rows;
	if (spool_size(receiver->file->spool) >= receiver->options->part_bytes)
		end_part(receiver);
}

/* Do the lines that wait fill the part?  Of compressed ones that is not known. */
static bool
fill_part(const PartsReceiver *receiver)
{
	uint64		stored;

	if (receiver->options->gzip)
		return false;
	stored = receiver->file != NULL ? spool_size(receiver->file->spool) :
		receiver->frame.header->len;
	return stored + receiver->blocks->lines.len >= receiver->options->part_bytes;
}

/* ---- rows ---- */

static void
parts_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	PartsReceiver *receiver = (PartsReceiver *) self;
	MemoryContext previous = MemoryContextSwitchTo(receiver->memory);

	receiver->parts->columns = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(receiver->work);
	receiver->convert = GetDatabaseEncoding() != PG_UTF8;
	receiver->ncolumns = desc->natts;
	receiver->columns = palloc0(sizeof(ColumnEncoder) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		receiver->columns[i].nulls_pass = receiver->options->bad_value == BAD_VALUE_NULL;
		receiver->options->choose(&receiver->columns[i], TupleDescAttr(desc, i));
	}
	receiver->blocks = line_blocks_create(receiver->work, receiver->options->gzip ? PART_LEVEL : 0,
										  store_block, receiver);
	line_blocks_allow_helper(receiver->blocks, sql_run_guarded);
	frame_init(&receiver->frame, desc->natts);
	if (receiver->options->format == ROW_CSV)
		frame_csv(&receiver->frame, receiver->columns, desc->natts, receiver->blocks);
	else
		frame_ndjson(&receiver->frame, receiver->columns, desc->natts);
	MemoryContextSwitchTo(previous);
}

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
		MemoryContext previous = MemoryContextSwitchTo(receiver->work);
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

/* What becomes of a value that cannot be written; false when its row is to be left out. */
static bool
is_null_instead(PartsReceiver *receiver, TupleTableSlot *slot, const char *column,
				const char *reason)
{
	switch (receiver->options->bad_value)
	{
		case BAD_VALUE_REFUSE:
			refuse(receiver, column, reason);
		case BAD_VALUE_QUARANTINE:
			report_bad_row(receiver, slot, column, reason);
			return false;
		case BAD_VALUE_NULL:
			receiver->parts->bad_values++;
			break;
	}
	return true;
}

/* Appends the row with its frame; false when it is to be left out. */
static bool
append_values(PartsReceiver *receiver, TupleTableSlot *slot, StringInfo lines)
{
	const LineFrame *frame = &receiver->frame;
	int			ncolumns = receiver->ncolumns;

	for (int i = 0; i < ncolumns; i++)
	{
		ColumnEncoder *column = &receiver->columns[i];
		const char *reason;
		int			start;

		append_bytes(lines, frame->before[i].data, frame->before[i].len);
		start = lines->len;
		reason = slot->tts_isnull[i] ? column->null_problem :
			column->encode(column, slot->tts_values[i], lines);
		if (unlikely(reason != NULL))
		{
			lines->len = start;
			if (!is_null_instead(receiver, slot, column->name, reason))
				return false;
		}
		if (slot->tts_isnull[i] || reason != NULL)
			append_bytes(lines, frame->null.data, frame->null.len);
	}
	return true;
}

static void
append_row(PartsReceiver *receiver, TupleTableSlot *slot)
{
	StringInfo	lines = &receiver->blocks->lines;
	const StringInfoData *end = &receiver->frame.before[receiver->ncolumns];
	int			start = lines->len;

	if (!append_values(receiver, slot, lines))
	{
		lines->len = start;
		return;
	}
	if (receiver->options->format == ROW_CSV && receiver->ncolumns == 1)
		quote_end_of_data(lines, start);
	append_bytes(lines, end->data, end->len);
	if (receiver->convert)
		line_to_utf8(lines, start);
	receiver->quiet_bytes += lines->len - start;
	line_blocks_end_line(receiver->blocks);
}

static bool
parts_receive(TupleTableSlot *slot, DestReceiver *self)
{
	PartsReceiver *receiver = (PartsReceiver *) self;
	MemoryContext previous = MemoryContextSwitchTo(receiver->row_memory);

	receiver->row++;
	slot_getallattrs(slot);
	append_row(receiver, slot);
	if (unlikely(fill_part(receiver)))
		line_blocks_leave(receiver->blocks);
	let_move_on(receiver);
	MemoryContextSwitchTo(previous);
	MemoryContextReset(receiver->row_memory);
	return !receiver->parts->ended_early;
}

static void
parts_shutdown(DestReceiver *self)
{
}

/* ---- the scan ---- */

/* "parallel": may it be a parallel query, within which nothing can be written? */
static void
run_query(const char *query, DestReceiver *receiver, bool parallel)
{
	SPIPrepareOptions prepare = {.cursorOptions = parallel ? CURSOR_OPT_PARALLEL_OK : 0};
	SPIExecuteOptions options = {.read_only = true, .must_return_tuples = true, .dest = receiver};
	int			level = NewGUCNestLevel();
	SPIPlanPtr	plan;
	int			code;

	sql_pin_setting("TimeZone", "UTC");
	sql_pin_setting("DateStyle", "ISO, YMD");
	sql_pin_setting("IntervalStyle", "postgres");
	sql_pin_setting("bytea_output", "hex");
	sql_pin_setting("extra_float_digits", "1");
	sql_pin_setting("synchronize_seqscans", "off");
	SPI_connect();
	plan = SPI_prepare_extended(query, &prepare);
	code = plan != NULL ? SPI_execute_plan_extended(plan, &options) : SPI_result;
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
	receiver.work = AllocSetContextCreate(memory, "dataops encoding", ALLOCSET_DEFAULT_SIZES);
	receiver.row_memory = AllocSetContextCreate(receiver.work, "dataops row",
												ALLOCSET_DEFAULT_SIZES);
	/* who is told of bad rows writes them down */
	run_query(query, &receiver.base, options->on_bad_row == NULL);
	if (!receiver.parts->ended_early)
		line_blocks_finish(receiver.blocks);
	if (receiver.file != NULL && !receiver.parts->ended_early)
		end_part(&receiver);
	MemoryContextDelete(receiver.work);
	return receiver.parts;
}
