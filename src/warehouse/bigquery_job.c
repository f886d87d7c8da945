/*
 * bigquery_job.c
 *	  Inserting, finding, following and cancelling of jobs.
 *
 * An answer that did not come says nothing about the job: what is there under its name decides.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_job.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/crypto.h"
#include "core/error.h"
#include "net/wait.h"
#include "warehouse/bigquery_json_value.h"

#define PROBLEM_MAX			1000
#define FIRST_DELAY_MS		200
#define LAST_DELAY_MS		15000
#define CANCEL_LIMIT_MS		60000
#define INSERT_TRIES		3	/* of one name that BigQuery says it does not know */
#define LOOKS_AFTER_409		5	/* a job may be known to insert before it is to get */
#define NUMBERS_PER_CALL	4
#define NUMBERS_MAX			50

/* One job under way. */
typedef struct Following
{
	BigQuery   *warehouse;
	const BigQueryJob *job;
	char	   *id;
	char	   *digest;			/* of its identity */
	bool		failed;			/* it is DONE with an error */
	bool		passes;			/* for a reason that passes */
} Following;

static Following
following(BigQuery *warehouse, const BigQueryJob *job, int number)
{
	CryptoBytes identity = {(const uint8 *) job->identity, strlen(job->identity)};
	char	   *digest = crypto_sha256_hex(identity);

	digest[32] = '\0';
	return (Following) {
		.warehouse = warehouse, .job = job, .digest = digest,
		.id = psprintf("dataops_%s_%s_%d", job->load, job->what, number)
	};
}

static BigQueryReply
get_job(Following *following)
{
	BigQueryCall get = {
		.path = psprintf("jobs/%s?location=%s", following->id,
						 bigquery_encoded(following->warehouse->location)),
		.absent = true
	};

	return bigquery_call(following->warehouse, &get);
}

static BigQueryReply
insert_job(Following *following)
{
	BigQuery   *warehouse = following->warehouse;
	BigQueryCall insert = {
		.method = "POST",
		.path = "jobs",
		.body = psprintf("{\"jobReference\":{\"projectId\":\"%s\",\"jobId\":\"%s\","
						 "\"location\":\"%s\"},\"configuration\":{%s,\"jobTimeoutMs\":\"%d\","
						 "\"labels\":{\"dataops\":\"%s\",\"dataops_work\":\"%s\"}}}",
						 warehouse->project, following->id, warehouse->location,
						 following->job->configuration, warehouse->job_timeout_ms,
						 following->job->what, following->digest)
	};

	return bigquery_call(warehouse, &insert);
}

static BigQueryReply
cancel_job(Following *following)
{
	BigQueryCall cancel = {
		.method = "POST",
		.path = psprintf("jobs/%s/cancel?location=%s", following->id,
						 bigquery_encoded(following->warehouse->location)),
		.absent = true
	};

	return bigquery_call(following->warehouse, &cancel);
}

/* ---- what became of it ---- */

/* "reply": the one that does not tell; NULL when the job itself does not end. */
static WarehouseResult
unknown(Following *following, const BigQueryReply *reply)
{
	const char *why = reply == NULL ? "it did not end in time, and does not stop" :
		reply->problem != NULL ? reply->problem :
		"BigQuery does not find what it has accepted";

	return (WarehouseResult) {
		.outcome = WAREHOUSE_UNKNOWN,
		.job = following->id,
		.retry = reply == NULL || reply->retry || reply->problem == NULL,
		.not_before = reply != NULL ? reply->not_before : 0,
		.sqlstate = reply != NULL && reply->sqlstate != 0 ? reply->sqlstate :
		ERRCODE_CONNECTION_LOST,
		.problem = psprintf("whether job \"%s\" has run is not known: %s", following->id, why)
	};
}

static bool
is_ours(Following *following, JsonbContainer *job)
{
	JsonbContainer *labels = json_path_container(job, "configuration.labels");

	return strcmp(json_value_text(labels, "dataops_work", ""), following->digest) == 0;
}

static bool
reason_passes(const char *reason)
{
	static const char *const reasons[] = {
		"backendError", "internalError", "rateLimitExceeded", "badGateway", "jobBackendError",
		"jobInternalError", "jobRateLimitExceeded"
	};

	for (int i = 0; i < lengthof(reasons); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

/* The first error, and the first of the others that says where. */
static char *
job_problem(Following *following, JsonbContainer *status)
{
	JsonbContainer *error = json_value_container(status, "errorResult");
	JsonbContainer *errors = json_value_container(status, "errors");
	const char *message = json_value_text(error, "message", "no message");
	char	   *problem = psprintf("job \"%s\" failed (%s): %s", following->id,
								   json_value_text(error, "reason", "no reason"), message);

	for (uint32 i = 0; errors != NULL && i < JsonContainerSize(errors); i++)
	{
		const char *other = json_value_text(json_element_container(errors, i), "message", "");

		if (*other != '\0' && strcmp(other, message) != 0)
		{
			problem = psprintf("%s; %s", problem, other);
			break;
		}
	}
	return error_clean(problem, strlen(problem), PROBLEM_MAX);
}

static WarehouseResult
job_failed(Following *following, JsonbContainer *status)
{
	const char *reason = json_value_text(json_value_container(status, "errorResult"), "reason", "");
	bool		quota = strcmp(reason, "quotaExceeded") == 0;

	following->failed = true;
	following->passes = reason_passes(reason);
	return (WarehouseResult) {
		.outcome = WAREHOUSE_FAILED,
		.job = following->id,
		.problem = job_problem(following, status),
		.retry = following->passes || quota || strcmp(reason, "stopped") == 0,
		.sqlstate = quota ? ERRCODE_CONFIGURATION_LIMIT_EXCEEDED : ERRCODE_REMOTE_REFUSED
	};
}

/* The result of a job that is DONE. */
static WarehouseResult
job_done(Following *following, JsonbContainer *job)
{
	JsonbContainer *status = json_value_container(job, "status");
	JsonbContainer *statistics = json_value_container(job, "statistics");
	JsonbContainer *load = json_value_container(statistics, "load");
	JsonbContainer *query = json_value_container(statistics, "query");

	if (json_value_container(status, "errorResult") != NULL)
		return job_failed(following, status);
	return (WarehouseResult) {
		.outcome = WAREHOUSE_DONE,
		.job = following->id,
		.rows = json_value_int64(load, "outputRows",
								 json_value_int64(query, "numDmlAffectedRows", 0)),
		.bytes_billed = json_value_int64(query, "totalBytesBilled", 0)
	};
}

static bool
is_done(JsonbContainer *job)
{
	return strcmp(json_value_text(json_value_container(job, "status"), "state", ""), "DONE") == 0;
}

/* ---- following ---- */

typedef enum PollEnd
{
	POLL_DONE,					/* "job" is its end */
	POLL_ABSENT,				/* there is no such job */
	POLL_LATE,					/* the time is over */
	POLL_LOST					/* BigQuery does not tell, or wants to be asked much later */
} PollEnd;

/*
 * Asks until the job is DONE.  What is not a known state counts as running.  Each answer but the
 * last is dropped, so that memory stays flat however long the job takes.
 */
static PollEnd
poll(Following *following, int limit_ms, BigQueryReply *reply)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(outer, "dataops job poll",
												  ALLOCSET_DEFAULT_SIZES);
	int64		until = wait_clock_ms() + limit_ms;
	int64		delay = FIRST_DELAY_MS;

	for (;; delay = Min(delay * 2, LAST_DELAY_MS))
	{
		int64		left = until - wait_clock_ms();

		MemoryContextReset(scratch);
		MemoryContextSwitchTo(scratch);
		*reply = get_job(following);
		MemoryContextSwitchTo(outer);
		/* from here on the answer's memory is kept as long as the caller's */
		if (reply->status == 404)
			return POLL_ABSENT;
		if (bigquery_answered(reply) && is_done(reply->json))
			return POLL_DONE;
		if (!bigquery_answered(reply) && (!reply->retry || reply->not_before != 0))
			return POLL_LOST;
		if (left <= 0)
			return POLL_LATE;
		latch_sleep(Min(delay, left));
	}
}

/* After the deadline: stops the job and waits for its end, which may still be a good one. */
static WarehouseResult
stop_job(Following *following)
{
	BigQuery   *warehouse = following->warehouse;
	BigQueryReply reply = cancel_job(following);
	WarehouseResult result;

	if (poll(following, Min(CANCEL_LIMIT_MS, warehouse->job_timeout_ms), &reply) != POLL_DONE)
		return unknown(following, NULL);
	result = job_done(following, reply.json);
	if (result.outcome == WAREHOUSE_FAILED)
		result.problem = psprintf("job \"%s\" did not end within %d s, the job_timeout of "
								  "connection \"%s\", and was cancelled", following->id,
								  warehouse->job_timeout_ms / 1000, warehouse->base.server);
	return result;
}

/*
 * Follows the job to its end.  False: it is not there.  "sure": it was there a moment ago, so that
 * 404 is asked again.
 */
static bool
follow(Following *following, bool sure, WarehouseResult *result)
{
	int			limit_ms = following->warehouse->job_timeout_ms;
	BigQueryReply reply;
	PollEnd		end = poll(following, limit_ms, &reply);

	for (int look = 1; end == POLL_ABSENT && sure && look < LOOKS_AFTER_409; look++)
	{
		latch_sleep(FIRST_DELAY_MS << look);
		end = poll(following, limit_ms, &reply);
	}
	if (end == POLL_ABSENT)
		return false;
	if (end == POLL_LOST)
		*result = unknown(following, &reply);
	else if (end == POLL_LATE)
		*result = bigquery_answered(&reply) ? stop_job(following) :
			unknown(following, &reply);
	else if (is_ours(following, reply.json))
		*result = job_done(following, reply.json);
	else
		*result = bigquery_refusal(ERRCODE_DUPLICATE_OBJECT,
								   psprintf("job \"%s\" exists and does something else",
											following->id));
	return true;
}

/*
 * Inserts the job and follows it.  A refusal is believed only when the job is not there either: an
 * earlier try of the same request may have had its effect without an answer.
 */
static WarehouseResult
perform(Following *following)
{
	WarehouseResult result;
	BigQueryReply reply;

	for (int tries = 0; tries < INSERT_TRIES; tries++)
	{
		bool		refused;

		reply = insert_job(following);
		refused = !bigquery_answered(&reply) && reply.status != 409;
		if (bigquery_answered(&reply) && is_done(reply.json))
			return job_done(following, reply.json);
		if (follow(following, !refused, &result))
			return result;
		if (refused && reply.status >= 400 && reply.status < 500)
		{
			return bigquery_problem(&reply, psprintf("could not start job \"%s\"",
													 following->id));
		}
		if (reply.not_before != 0)
			break;
	}
	return unknown(following, &reply);
}

bool
bigquery_job_follow(BigQuery *warehouse, const BigQueryJob *job, int *number,
					WarehouseResult *result)
{
	for (*number = 1; *number <= NUMBERS_MAX; (*number)++)
	{
		Following	one = following(warehouse, job, *number);

		if (!follow(&one, false, result))
			return false;
		if (!one.passes && !(job->anew && one.failed))
			return true;
	}
	return true;
}

WarehouseResult
bigquery_job_start(BigQuery *warehouse, const BigQueryJob *job, int number)
{
	WarehouseResult result;

	for (int last = number + NUMBERS_PER_CALL;; number++)
	{
		Following	one = following(warehouse, job, number);

		result = perform(&one);
		if (!one.passes || number == last)
			return result;
		latch_sleep(Min(FIRST_DELAY_MS << (number - last + NUMBERS_PER_CALL), LAST_DELAY_MS));
	}
}

WarehouseResult
bigquery_job_run(BigQuery *warehouse, const BigQueryJob *job)
{
	WarehouseResult result;
	int			number;

	if (bigquery_job_follow(warehouse, job, &number, &result))
		return result;
	return bigquery_job_start(warehouse, job, number);
}

BigQueryReply
bigquery_job_dry_run(BigQuery *warehouse, const char *configuration)
{
	BigQueryCall dry_run = {
		.method = "POST", .path = "jobs",
		.body = psprintf("{\"jobReference\":{\"projectId\":\"%s\",\"location\":\"%s\"},"
						 "\"configuration\":{\"dryRun\":true,%s}}", warehouse->project,
						 warehouse->location, configuration)
	};

	return bigquery_call(warehouse, &dry_run);
}
