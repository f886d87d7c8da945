/*
 * export.c
 *	  The export stage: settle what was left, encode, upload, publish.
 *
 * The encoding is one transaction, whose snapshot decides which rows belong to the export; parts
 * leave meanwhile, but nothing waits for them.  All else happens outside of transactions.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "export/export.h"

#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/outbox.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/txn.h"
#include "core/fault.h"
#include "core/guc.h"
#include "core/uuid.h"
#include "export/delivery.h"
#include "export/path.h"

typedef struct ExportStage
{
	Run		   *run;
	Step	   *step;
	ExportSpec *spec;
	DeliveryPlace *place;
	List	   *unfinished;		/* Delivery *, of former attempts */
	StageResult result;
} ExportStage;

/* ---- the document ---- */

ExportSpec *
export_spec_read(const char *name, Jsonb *spec)
{
	static const char *const rows[] = {"changed", "all"};
	static const char *const formats[] = {"ndjson", "csv"};
	static const char *const compressions[] = {"gzip", "none"};
	char	   *what = psprintf("step \"%s\"", name);
	ExportSpec *read = palloc0(sizeof(ExportSpec));
	const char *format = spec_choice(spec, "format", formats, lengthof(formats), "ndjson", what);
	Jsonb	   *derived = spec_object(spec, "derived", what);

	read->relation = spec_text_required(spec, "relation", what);
	read->server = spec_text_required(spec, "server", what);
	read->changed = strcmp(spec_choice(spec, "rows", rows, lengthof(rows), "changed", what),
						   "changed") == 0;
	read->format = strcmp(format, "csv") == 0 ? ROW_CSV : ROW_NDJSON;
	read->gzip = strcmp(spec_choice(spec, "compression", compressions, lengthof(compressions),
									"gzip", what), "gzip") == 0;
	read->path = spec_text(spec, "path", what);
	if (read->path == NULL)
		read->path = path_default("", format, read->gzip);
	if (derived != NULL)
		read->search_path = spec_text(derived, "search_path", what);
	return read;
}

/* ---- what is needed, read in one transaction ---- */

static void
load(ExportStage *stage)
{
	Run		   *run = stage->run;

	txn_begin(run);
	MemoryContextSwitchTo(run->step_memory);
	stage->spec = export_spec_read(stage->step->name, stage->step->spec);
	stage->place = delivery_open(run, stage->spec->server, run->step_memory);
	stage->unfinished = delivery_unfinished(run, stage->step, stage->place, NULL,
											run->step_memory);
	txn_commit(run);
}

/* ---- ends ---- */

static void
conclude(void *arg)
{
	delivery_done(arg);
}

static void
set_done(ExportStage *stage, Delivery *delivery)
{
	stage->result.outcome = STAGE_DONE;
	stage->result.rows_in = stage->result.rows_out = delivery->record->rows;
	stage->result.bytes = delivery->record->bytes;
	stage->result.conclude = conclude;
	stage->result.conclude_arg = delivery;
}

/* ---- what former attempts left ---- */

typedef enum Settled
{
	SETTLED_GO_ON,
	SETTLED_DONE,				/* it was this run's: the step is at its end */
	SETTLED_FAILED
} Settled;

/*
 * A whole one is published, whichever run it is of: readers may have seen its manifest already.
 * One of an earlier run has older rows, so this run's own follow it.
 */
static Settled
publish_left(ExportStage *stage, Delivery *delivery)
{
	if (!delivery_publish(delivery, &stage->result))
		return SETTLED_FAILED;
	if (memcmp(&delivery->record->run, &stage->run->id, sizeof(pg_uuid_t)) == 0)
	{
		set_done(stage, delivery);
		return SETTLED_DONE;
	}
	txn_begin(stage->run);
	delivery_done(delivery);
	txn_commit(stage->run);
	return SETTLED_GO_ON;
}

static Settled
settle_left(ExportStage *stage)
{
	Settled		settled = SETTLED_GO_ON;
	ListCell   *cell;

	foreach(cell, stage->unfinished)
	{
		Delivery   *delivery = lfirst(cell);

		switch (delivery_verify(delivery, &stage->result))
		{
			case DELIVERY_WHOLE:
				settled = publish_left(stage, delivery);
				break;
			case DELIVERY_BROKEN:
				if (!delivery_remove(delivery, &stage->result))
					settled = SETTLED_FAILED;
				break;
			case DELIVERY_UNKNOWN:
				settled = SETTLED_FAILED;
				break;
		}
		if (settled != SETTLED_GO_ON)
			break;
	}
	return settled;
}

/* ---- this attempt's own ---- */

typedef struct Encoding
{
	DeliveryOrder order;
	Delivery   *delivery;
	DeliveryEncoding ended;
} Encoding;

static void
encode(void *arg)
{
	Encoding   *encoding = arg;
	const DeliveryOrder *order = &encoding->order;
	Oid			owner = encoding->delivery->run->owner;
	SqlRole		before = sql_become_owner(owner, order->search_path, "UTC");

	changed_push_snapshot(order->relation);
	sql_leave(&before);
	encoding->ended = delivery_encode(encoding->delivery, order);
	PopActiveSnapshot();
}

/* NULL when there is no row, or the store has refused a part: then the result says so. */
static Delivery *
encode_rows(ExportStage *stage)
{
	Run		   *run = stage->run;
	ExportSpec *spec = stage->spec;
	ChangeMark	since;
	Encoding	encoding = {
		.order = {
			.relation = spec->relation,
			.changed = spec->changed,
			.path = spec->path,
			.search_path = spec->search_path,
			.parts = {
				.format = spec->format,
				.gzip = spec->gzip,
				.part_bytes = (uint64) guc_export_part_size * 1024,
				.choose = spec->format == ROW_CSV ? csv_choose : ndjson_choose
			}
		}
	};
	ErrorData  *error;

	encoding.delivery = delivery_begin(run, stage->step, stage->place, &encoding.order,
									   run->step_memory);
	txn_begin(run);
	MemoryContextSwitchTo(run->step_memory);
	if (spec->changed && outbox_last(run, stage->step, spec->relation, spec->server,
									 &since.snapshot, &since.tables))
		encoding.order.since = &since;
	error = sql_run_guarded(encode, &encoding);
	if (error != NULL || encoding.ended == DELIVERY_REFUSED)
	{
		txn_abort(run);
		delivery_give_up(encoding.delivery, &stage->result);
		if (error != NULL)
			ReThrowError(error);
		return NULL;
	}
	FAULT_POINT("export_before_encoded");
	txn_commit(run);
	FAULT_POINT("export_after_encoded");
	if (encoding.ended == DELIVERY_ENCODED)
		return encoding.delivery;
	stage->result.outcome = STAGE_UNCHANGED;
	stage->result.error = spec->changed ? "no new rows" : "no rows";
	return NULL;
}

static void
deliver(ExportStage *stage)
{
	Delivery   *delivery = encode_rows(stage);

	if (delivery != NULL && delivery_upload(delivery, &stage->result) &&
		delivery_publish(delivery, &stage->result))
		set_done(stage, delivery);
}

StageResult
export_stage(Run *run, Step *step)
{
	ExportStage stage = {.run = run, .step = step};

	load(&stage);
	if (settle_left(&stage) == SETTLED_GO_ON)
		deliver(&stage);
	return stage.result;
}
