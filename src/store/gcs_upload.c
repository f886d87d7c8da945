/*
 * gcs_upload.c
 *	  Putting an object into Google Cloud Storage: in one request when it is small, else by a
 *	  resumable upload.
 *
 * A chunk is never sent again on a guess: of one without an answer the service may have kept a
 * part, all, nothing, or it has finished the object; so it is asked.  The session's address is a
 * credential: it is kept in memory alone, shown nowhere.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "store/gcs.h"

#include "common/pg_prng.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/fault.h"
#include "core/url.h"
#include "core/uuid.h"
#include "net/retry.h"
#include "net/wait.h"

/* Google's advice for retries; counted from the last byte that was gained */
static const RetryPolicy upload_policy = {
	.attempts = 8, .first_delay_ms = 1000, .max_delay_ms = 32000, .max_total_ms = 180000,
	.jitter = true
};

#define LOSSES_MAX	5			/* sessions or their bytes that the service may lose */

/*
 * Each step is a request and what its reply means.  Whoever moves a put on may wait for the reply
 * or look in for it: the way is the same.
 *
 *	  small:  whole ---------------------------------------------+
 *	  large:  start --> chunk --> chunk --> ... -----------------+--> settled
 *				^		  |	 ^									 |
 *				|		  v	 |									 |
 *				+------- ask (anything but a clear answer) ------+
 *		   session gone (404, 410)
 *	  412:				  look (is it the same contents?) ----------> settled
 *	  not what was sent:  take away --------------------------------> settled
 */
typedef enum PutStep
{
	PUT_WHOLE,
	PUT_START,
	PUT_CHUNK,
	PUT_ASK,
	PUT_LOOK,
	PUT_TAKE_AWAY,
	PUT_SETTLED
} PutStep;

typedef struct GcsPut
{
	GcsWork    *work;
	StoreContent content;
	StoreResult wanted;			/* size and checksum */
	PutStep		step;
	GoogleExchange *exchange;	/* the request of this step; NULL: not sent yet */
	bool		patient;		/* nobody waits for it: it is never too late for a retry */
	char	   *session;		/* its address */
	uint64		kept;			/* bytes that it has */
	int			losses;			/* times that it had fewer than before */
	char	   *chunk;
	int			failures;		/* in a row, without a byte gained */
	int64		failing_since;	/* clock at the first of them */
	int64		due_ms;			/* clock: nothing is sent before */
} GcsPut;

/* ---- ends and pauses ---- */

static void
settle(GcsPut *put)
{
	put->step = PUT_SETTLED;
	if (put->chunk != NULL)
		pfree(put->chunk);
	put->chunk = NULL;
}

static void
fail_with(GcsPut *put, const char *reason)
{
	(void) gcs_fail_with(put->work, reason);
	settle(put);
}

/*
 * The request has failed for good.  While nobody waits for it, there is time for what may pass, if
 * the service does not want to be left alone for long.
 */
static void
fail(GcsPut *put, const GoogleReply *reply, TimestampTz not_before)
{
	if (put->patient && reply->retry && not_before == 0)
	{
		put->due_ms = wait_clock_ms() + upload_policy.max_delay_ms;
		return;
	}
	(void) gcs_fail(put->work, reply);
	put->work->result.not_before = not_before;
	settle(put);
}

/* Something went wrong and nothing was gained: a pause before the next request, or the end. */
static void
pause_after(GcsPut *put, const GoogleReply *reply)
{
	RetryAttempt attempt = {
		.outcome = reply->status == 0 ? ATTEMPT_BROKEN : ATTEMPT_STATUS,
		.status = reply->status,
		.action = STATUS_RETRY,
		.idempotent = true,
		.retry_after = reply->response != NULL ? http_header(reply->response, "Retry-After") : NULL,
		.now = GetCurrentTimestamp(),
		.random = pg_prng_uint64(&pg_global_prng_state)
	};
	RetryDecision decision;

	if (put->failures++ == 0)
		put->failing_since = wait_clock_ms();
	attempt.number = put->failures;
	attempt.elapsed_ms = wait_clock_ms() - put->failing_since;
	decision = retry_decide(&upload_policy, &attempt);
	if (decision.action == RETRY_AFTER)
		put->due_ms = wait_clock_ms() + decision.delay_ms;
	else if (reply->problem != NULL)
		fail(put, reply, decision.at);
	else if (put->patient)
		put->due_ms = wait_clock_ms() + upload_policy.max_delay_ms;
	else
		fail_with(put, "the service keeps nothing of what is sent");
}

/* ---- requests ---- */

/* The object's description that goes ahead of its bytes. */
static void
append_metadata(StringInfo target, const GcsPut *put)
{
	const StoreContent *content = &put->content;

	appendStringInfoString(target, "{\"name\":");
	escape_json(target, put->work->name);
	appendStringInfoString(target, ",\"contentType\":");
	escape_json(target, content->content_type);
	if (content->mark != NULL)
	{
		appendStringInfoString(target, ",\"metadata\":{\"" GCS_MARK "\":");
		escape_json(target, content->mark);
		appendStringInfoChar(target, '}');
	}
	appendStringInfo(target, ",\"crc32c\":\"%s\"}", gcs_checksum_text(content->crc32c));
}

/* Where uploads of a kind begin; only if there is no object of the name. */
static char *
upload_path(const GcsWork *work, const char *kind)
{
	StringInfoData path;

	initStringInfo(&path);
	appendStringInfoString(&path, "/upload/storage/v1/b/");
	url_encode(&path, work->store->bucket);
	appendStringInfo(&path, "/o?uploadType=%s&ifGenerationMatch=0&name=", kind);
	url_encode(&path, work->name);
	return path.data;
}

static GoogleCall
whole_call(const GcsPut *put)
{
	Spool	   *spool = put->content.spool;
	pg_uuid_t	id = uuid_v7();
	char	   *boundary = uuid_text(&id);	/* new: so no object holds it */
	StringInfoData body;
	const char *bytes;
	size_t		length;

	initStringInfo(&body);
	appendStringInfo(&body, "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n",
					 boundary);
	append_metadata(&body, put);
	appendStringInfo(&body, "\r\n--%s\r\nContent-Type: %s\r\n\r\n", boundary,
					 put->content.content_type);
	spool_rewind(spool);
	while (spool_read(spool, &bytes, &length))
		appendBinaryStringInfo(&body, bytes, length);
	appendStringInfo(&body, "\r\n--%s--\r\n", boundary);
	return (GoogleCall) {
		.method = "POST",
		.path = psprintf("%s&fields=" GCS_RESOURCE_FIELDS, upload_path(put->work, "multipart")),
		.content_type = psprintf("multipart/related; boundary=%s", boundary),
		.body = body.data,
		.body_length = body.len,
		.repeatable = true
	};
}

/* The headers of a request: name and value, and again. */
static HttpHeader *
header_list(int count, const HttpHeader *headers)
{
	return memcpy(palloc(sizeof(HttpHeader) * count), headers, sizeof(HttpHeader) * count);
}

static GoogleCall
start_call(const GcsPut *put)
{
	HttpHeader	headers[] = {
		{"X-Upload-Content-Type", put->content.content_type},
		{"X-Upload-Content-Length", psprintf(UINT64_FORMAT, put->wanted.size)}
	};
	StringInfoData metadata;

	initStringInfo(&metadata);
	append_metadata(&metadata, put);
	return (GoogleCall) {
		.method = "POST",
		.path = upload_path(put->work, "resumable"),
		.headers = header_list(lengthof(headers), headers),
		.nheaders = lengthof(headers),
		.content_type = "application/json; charset=UTF-8",
		.body = metadata.data,
		.body_length = metadata.len,
		.repeatable = true
	};
}

/* A request within the session. */
static GoogleCall
session_call(const GcsPut *put, const char *range)
{
	HttpHeader	header = {"Content-Range", range};

	return (GoogleCall) {
		.method = "PUT", .url = put->session, .headers = header_list(1, &header), .nheaders = 1
	};
}

static GoogleCall
ask_call(const GcsPut *put)
{
	return session_call(put, psprintf("bytes */" UINT64_FORMAT, put->wanted.size));
}

static GoogleCall
chunk_call(GcsPut *put)
{
	uint64		total = put->wanted.size;
	size_t		wanted = Min(GCS_CHUNK, total - put->kept);
	size_t		filled = 0;
	GoogleCall	call;
	const char *bytes;
	size_t		length;

	if (put->chunk == NULL)
		put->chunk = MemoryContextAlloc(put->work->memory, GCS_CHUNK);
	spool_seek(put->content.spool, put->kept);
	while (filled < wanted && spool_read(put->content.spool, &bytes, &length))
	{
		length = Min(length, wanted - filled);
		memcpy(put->chunk + filled, bytes, length);
		filled += length;
	}
	call = session_call(put, psprintf("bytes " UINT64_FORMAT "-" UINT64_FORMAT "/" UINT64_FORMAT,
									  put->kept, put->kept + filled - 1, total));
	call.content_type = put->content.content_type;
	call.body = put->chunk;
	call.body_length = filled;
	FAULT_POINT("gcs_before_chunk");
	return call;
}

static GoogleCall
call_of(GcsPut *put)
{
	switch (put->step)
	{
		case PUT_WHOLE:
			return whole_call(put);
		case PUT_START:
			return start_call(put);
		case PUT_CHUNK:
			return chunk_call(put);
		case PUT_ASK:
			return ask_call(put);
		case PUT_LOOK:
			return gcs_look_call(put->work);
		case PUT_TAKE_AWAY:
			return gcs_delete_call(put->work);
		case PUT_SETTLED:
			break;
	}
	elog(ERROR, "a put that has ended asks for nothing");
}

/* ---- replies ---- */

/* The object is made. */
static void
take_object(GcsPut *put, const GoogleReply *reply)
{
	if (gcs_is_damaged(put->work, reply, "$", &put->wanted))
		put->step = PUT_TAKE_AWAY;
	else
		settle(put);
}

static void
take_session(GcsPut *put, const GoogleReply *reply)
{
	const char *location = http_header(reply->response, "Location");

	if (location == NULL)
	{
		fail_with(put, "the answer names no upload session");
		return;
	}
	put->session = pstrdup(location);
	put->kept = 0;
	put->step = PUT_CHUNK;
}

/*
 * How much is kept by a 308: "Range: bytes=0-LAST", or nothing without that.  "0-0" is nothing,
 * too: no service keeps a single byte, but one emulator says so of a new session.
 */
static bool
read_kept(GcsPut *put, const GoogleReply *reply)
{
	const char *range = http_header(reply->response, "Range");
	unsigned long long last = 0;
	int			end = 0;

	if (range != NULL && (sscanf(range, "bytes=0-%llu%n", &last, &end) != 1 ||
						  range[end] != '\0' || last >= put->wanted.size))
	{
		fail_with(put, "the answer has a range that was not sent");
		return false;
	}
	put->kept = last > 0 ? last + 1 : 0;
	return true;
}

/* The service has fewer bytes than before; false when that happens too often. */
static bool
take_loss(GcsPut *put)
{
	if (++put->losses <= LOSSES_MAX)
		return true;
	fail_with(put, "the service loses what it was sent again and again");
	return false;
}

/* A clear answer about what is kept. */
static void
take_kept(GcsPut *put, const GoogleReply *reply)
{
	uint64		before = put->kept;
	bool		asked = put->step == PUT_ASK;

	if (!read_kept(put, reply) || (put->kept < before && !take_loss(put)))
		return;
	if (put->kept > before)
		put->failures = 0;
	/* all is there, and still no object: there is nothing to send but the question */
	put->step = put->kept == put->wanted.size ? PUT_ASK : PUT_CHUNK;
	/* what made a question necessary has been waited for already */
	if (put->step == PUT_ASK || (put->kept <= before && !asked))
		pause_after(put, reply);
}

/* Of a request within the session. */
static void
take_progress(GcsPut *put, const GoogleReply *reply)
{
	switch (reply->status)
	{
		case 200:
		case 201:
			take_object(put, reply);
			break;
		case 308:
			take_kept(put, reply);
			break;
		case 404:
		case 410:
			put->step = PUT_START;
			if (take_loss(put))
				pause_after(put, reply);
			break;
		default:
			put->step = PUT_ASK;
			if (reply->retry)
				pause_after(put, reply);
			else
				fail(put, reply, reply->not_before);
	}
}

static void
take_look(GcsPut *put, const GoogleReply *reply)
{
	if (reply->status != 200 && reply->status != 404)
	{
		fail(put, reply, reply->not_before);
		return;
	}
	gcs_compare(put->work, gcs_take_look(put->work, reply), &put->wanted);
	settle(put);
}

static void
take_reply(GcsPut *put, const GoogleReply *reply)
{
	/* somebody has the name: perhaps a request of ours whose answer was lost */
	if (reply->status == 412 && put->step < PUT_LOOK)
	{
		put->step = PUT_LOOK;
		return;
	}
	switch (put->step)
	{
		case PUT_WHOLE:
			if (reply->status == 200)
				take_object(put, reply);
			else
				fail(put, reply, reply->not_before);
			break;
		case PUT_START:
			if (reply->status == 200 || reply->status == 201)
				take_session(put, reply);
			else
				fail(put, reply, reply->not_before);
			break;
		case PUT_CHUNK:
		case PUT_ASK:
			take_progress(put, reply);
			break;
		case PUT_LOOK:
			take_look(put, reply);
			break;
		case PUT_TAKE_AWAY:
			gcs_tell_damage(put->work, gcs_take_deletion(put->work, reply));
			settle(put);
			break;
		case PUT_SETTLED:
			break;
	}
}

/* ---- the way ---- */

/* Sends the request of the step when its time has come; false: not yet. */
static bool
send_request(GcsPut *put, bool wait)
{
	GcsWork    *work = put->work;
	int64		left = put->due_ms - wait_clock_ms();
	GoogleCall	call;

	if (left > 0 && !wait)
		return false;
	if (left > 0)
		latch_sleep(left);
	MemoryContextReset(work->call);
	MemoryContextSwitchTo(work->call);
	call = call_of(put);
	put->exchange = google_begin(work->store->client, &call);
	MemoryContextSwitchTo(work->memory);
	return true;
}

static void
move_on(GcsPut *put, bool wait)
{
	MemoryContext caller = MemoryContextSwitchTo(put->work->memory);

	while (put->step != PUT_SETTLED)
	{
		GoogleReply *reply;

		if (put->exchange == NULL && !send_request(put, wait))
			break;
		reply = google_receive(put->exchange, wait);
		if (reply == NULL)
			break;
		put->exchange = NULL;
		take_reply(put, reply);
	}
	MemoryContextSwitchTo(caller);
}

StorePut *
gcs_put_begin(Store *store, const char *name, const StoreContent *content)
{
	GcsWork    *work = gcs_begin(store, name);
	GcsPut	   *put = palloc0(sizeof(GcsPut));

	MemoryContextSwitchTo(work->caller);
	put->work = work;
	put->content = *content;
	put->wanted.size = spool_size(content->spool);
	put->wanted.crc32c = content->crc32c;
	put->step = put->wanted.size <= GCS_CHUNK ? PUT_WHOLE : PUT_START;
	return (StorePut *) put;
}

StorePutState
gcs_put_pump(StorePut *base)
{
	GcsPut	   *put = (GcsPut *) base;

	put->patient = true;
	move_on(put, false);
	return put->step == PUT_SETTLED ? STORE_PUT_SETTLED : STORE_PUT_SENDING;
}

StoreResult
gcs_put_finish(StorePut *base)
{
	GcsPut	   *put = (GcsPut *) base;
	GcsWork    *work = put->work;

	/* from here on somebody waits: what went wrong before counts no more */
	put->patient = false;
	put->failures = 0;
	put->due_ms = 0;
	move_on(put, true);
	work->caller = CurrentMemoryContext;
	return gcs_end(work);
}
