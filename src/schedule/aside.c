/*
 * aside.c
 *	  Diverted rows to quarantine.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "schedule/aside.h"

#include "catalog/verdict.h"

static void
record_row(DivertedRow *row, void *arg)
{
	const WriteJob *job = arg;
	List	   *sources = model_sources(job->model);
	QuarantineRow entry = {
		.source = list_length(sources) == 1 ? linitial(sources) : NULL,
		.target = job->model->target,
		.check = row->judge->name,
		.rule = row->judge->rule->text,
		.reason = row->reason,
		.row = row->row,
		.record = row->record,
		.partial = row->partial
	};

	if (row->address != NULL)
	{
		entry.batch = &row->address->batch;
		entry.page = row->address->page;
		entry.ordinal = row->address->ordinal;
	}
	if (job->replay != NULL)
	{
		/* what counts is when it was missed first: rows that changed since are newer */
		ReplayedRecord *record = replayed_record(job->replay, row->address);

		entry.created_at = record->set_aside_at;
		entry.partial |= record->partial;
	}
	quarantine_record(job->run, job->step, &entry);
}

int64
aside_record(const WriteJob *job, Written *written)
{
	const ModelSpec *model = job->model;
	QuarantineWindow window = {
		.time_column = model->time_column,
		.timezone = job->run->timezone,
		.from = DT_NOBEGIN,
		.to = DT_NOEND
	};

	if (written->split != NULL)
	{
		split_each_diverted(written->split, record_row, unconstify(WriteJob *, job));
		split_end(written->split);
	}
	if (model->strategy != STRATEGY_TABLE && model->strategy != STRATEGY_PARTITION)
		return 0;
	if (model->strategy == STRATEGY_PARTITION)
	{
		window.from = written->changed_from;
		window.to = written->changed_to;
	}
	return quarantine_close_window(job->run, job->step, &window);
}
