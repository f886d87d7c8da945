/*
 * rows.c
 *	  Records to rows.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "land/rows.h"

#include "miscadmin.h"

static void
quarantine(Run *run, Step *step, BatchRow *batch, QuarantinedRecord *row, const Record *record)
{
	const JsonRefusal *why = &record->why;

	row->raw = record->bytes;
	row->length = record->length;
	row->reason = psprintf("%s (byte %zu of the record)", why->reason, why->offset + 1);
	row->sqlstate = unpack_sql_state(why->sqlstate);
	landing_quarantine(run, step, batch, row);
	batch->quarantined++;
}

void
rows_insert_page(Run *run, Step *step, BatchRow *batch, LandPage *page, JsonbWriter *writer,
				 RawInsert *insert)
{
	QuarantinedRecord row = {.page = page->row.number};
	Record		record;

	records_rewind(page->records);
	while (records_next(page->records, &record))
	{
		bool		is_bytes = record.value == NULL && record.why.reason == NULL;

		row.ordinal++;
		CHECK_FOR_INTERRUPTS();
		/* what it is made of need not stay beside a long value */
		if (is_bytes &&
			jsonb_write(writer, record.bytes, record.length, &record.value, &record.why))
			records_release(page->records);
		if (record.value != NULL)
		{
			raw_insert_row(insert, row.page, row.ordinal, record.value);
			batch->records++;
		}
		else
			quarantine(run, step, batch, &row, &record);
		records_release(page->records);
	}
}
