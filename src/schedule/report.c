/*
 * report.c
 *	  Errors and notices about the end of a run, and about why none begins.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "schedule/report.h"

#include "utils/timestamp.h"

#include "catalog/unfinished.h"
#include "core/uuid.h"
#include "schedule/plan.h"

char *
report_hint(const char *step_hint, const char *run_id)
{
	char	   *retry = psprintf("SELECT dataops.retry('%s')", run_id);

	if (step_hint == NULL || *step_hint == '\0')
		return psprintf("Mend the cause, then: %s", retry);
	/* that of a check ends in it */
	if (strstr(step_hint, retry) != NULL)
		return pstrdup(step_hint);
	return psprintf("%s\nThen: %s", step_hint, retry);
}

static void
report_waiting(const char *pipeline, const char *run_id, TimestampTz until)
{
	ereport(NOTICE,
			errmsg("run %s of pipeline \"%s\" waits until %s", run_id, pipeline,
				   timestamptz_to_str(until)),
			errhint("tick() or a run after that time goes on with it; "
					"SELECT dataops.cancel('%s') gives it up.", run_id));
}

void
report_end(const char *pipeline, const RunEnd *end)
{
	if (end->state == NULL)
		return;
	if (strcmp(end->state, "waiting") == 0)
		report_waiting(pipeline, end->run_id, end->next_attempt_at);
	if (strcmp(end->state, "failed") == 0)
		ereport(ERROR,
				errcode(MAKE_SQLSTATE(end->sqlstate[0], end->sqlstate[1], end->sqlstate[2],
									  end->sqlstate[3], end->sqlstate[4])),
				errmsg("pipeline \"%s\" failed at step \"%s\": %s", pipeline, end->failed_step,
					   end->error),
				errhint("%s", report_hint(end->hint, end->run_id)));
}

void
report_waited(const RunHead *head)
{
	bool		cancelled = strcmp(head->state, "cancelled") == 0;

	if (strcmp(head->state, "succeeded") == 0)
		return;
	ereport(ERROR,
			errcode(cancelled ? ERRCODE_QUERY_CANCELED : ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			errmsg("run %s of pipeline \"%s\" %s%s%s", uuid_text(&head->id), head->pipeline,
				   cancelled ? "was cancelled" : "failed",
				   head->error ? ": " : "", head->error ? head->error : ""),
			errhint("%s", cancelled ? psprintf("SELECT dataops.retry('%s')", uuid_text(&head->id)) :
					report_hint(head->hint, uuid_text(&head->id))));
}

/* What is to be said of a range without intervals that are due and missing. */
static char *
why_nothing(const TimeRange *horizon, const TimeRange *range)
{
	if (range->to_ts <= horizon->from_ts)
		return psprintf("nothing lies in this range, start_at is %s",
						timestamptz_to_str(horizon->from_ts));
	if (Max(range->from_ts, horizon->from_ts) >= horizon->to_ts)
		return psprintf("what begins at %s is not over yet",
						timestamptz_to_str(Max(range->from_ts, horizon->from_ts)));
	return pstrdup("all intervals are done");
}

void
report_nothing(Definition *pipeline, const char *env, const TimeRange *range)
{
	TimeRange	always = {DT_NOBEGIN, DT_NOEND};
	TimeRange	horizon = plan_horizon(pipeline, GetCurrentTimestamp());
	UnfinishedRun *open = unfinished_first(pipeline->object, env, range ? *range : always,
										   plan_has_intervals(pipeline));

	if (range == NULL)
		range = &always;
	if (open != NULL && strcmp(open->state, "waiting") == 0)
		report_waiting(pipeline->object, uuid_text(&open->id), open->next_attempt_at);
	else if (open != NULL)
		ereport(NOTICE,
				errmsg("run %s of pipeline \"%s\" is %s already", uuid_text(&open->id),
					   pipeline->object, open->state),
				errhint("SELECT * FROM dataops.progress shows how far it is."));
	else
		ereport(NOTICE,
				errmsg("pipeline \"%s\" has nothing to do: %s", pipeline->object,
					   why_nothing(&horizon, range)),
				errhint("SELECT dataops.retry(run_id, from_step => '...') does steps of a run "
						"again."));
}
