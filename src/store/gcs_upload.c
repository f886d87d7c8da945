/*
 * gcs_upload.c
 *	  Putting an object into Google Cloud Storage: in one request when it is small, else by a
 *	  resumable upload.
 *
 * A chunk is never sent again on a guess: after anything but a clear answer the service is asked
 * what it has.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "store/gcs.h"

#include "common/pg_prng.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/json.h"
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

typedef struct GcsUpload
{
	GcsWork    *work;
	const StoreContent *content;
	StoreResult wanted;			/* size and checksum */
	char	   *session;		/* its address; NULL: none is open */
	bool		unsure;			/* what the service has is to be asked for */
	uint64		kept;			/* bytes that it has */
	int			losses;			/* times that it had fewer than before */
	char	   *chunk;
	int			failures;		/* in a row, without a byte gained */
	int64		failing_since;	/* clock at the first of them */
} GcsUpload;

/* The object's description that goes ahead of its bytes. */
static void
append_metadata(StringInfo target, const GcsWork *work, const StoreContent *content)
{
	appendStringInfoString(target, "{\"name\":");
	escape_json(target, work->name);
	appendStringInfoString(target, ",\"contentType\":");
	escape_json(target, content->content_type);
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

/* ---- in one request ---- */

static void
put_small(GcsWork *work, const StoreContent *content, const StoreResult *wanted)
{
	pg_uuid_t	id = uuid_v7();
	char	   *boundary = uuid_text(&id);	/* new: so no object holds it */
	StringInfoData body;
	const char *bytes;
	size_t		length;
	GoogleCall	call = {.method = "POST", .repeatable = true};
	GoogleReply *reply;

	initStringInfo(&body);
	appendStringInfo(&body, "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n",
					 boundary);
	append_metadata(&body, work, content);
	appendStringInfo(&body, "\r\n--%s\r\nContent-Type: %s\r\n\r\n", boundary,
					 content->content_type);
	spool_rewind(content->spool);
	while (spool_read(content->spool, &bytes, &length))
		appendBinaryStringInfo(&body, bytes, length);
	appendStringInfo(&body, "\r\n--%s--\r\n", boundary);

	call.path = psprintf("%s&fields=" GCS_RESOURCE_FIELDS, upload_path(work, "multipart"));
	call.content_type = psprintf("multipart/related; boundary=%s", boundary);
	call.body = body.data;
	call.body_length = body.len;
	reply = gcs_call(work, &call);
	if (reply->status == 200)
		gcs_settle(work, reply, "$", wanted);
	else if (reply->status == 412)
		gcs_compare(work, wanted->size, wanted->crc32c);
	else
		(void) gcs_fail(work, reply);
}

/*
 * ---- resumable ----
 *
 *	  no session --start--> clear --chunk--> clear | done
 *	      ^                   \--anything else--> unsure --status query--> clear | done
 *	      +------------------- session gone (404, 410) ------------------------/
 *
 * Of a chunk without an answer the service may have kept a part, all, nothing, or it has finished
 * the object.  The session's address is a credential: it is kept in memory alone, shown nowhere.
 */

/*
 * Something went wrong and nothing was gained: waits before the next attempt, or fails with what
 * the reply says.
 */
static bool
upload_pause(GcsUpload *upload, const GoogleReply *reply)
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

	if (upload->failures++ == 0)
		upload->failing_since = wait_clock_ms();
	attempt.number = upload->failures;
	attempt.elapsed_ms = wait_clock_ms() - upload->failing_since;
	decision = retry_decide(&upload_policy, &attempt);
	if (decision.action == RETRY_AFTER)
	{
		latch_sleep(decision.delay_ms);
		return true;
	}
	if (reply->problem == NULL)
		return gcs_fail_with(upload->work, "the service keeps nothing of what is sent");
	(void) gcs_fail(upload->work, reply);
	upload->work->result.not_before = decision.at;
	return false;
}

/* Opens a session; false when the upload has ended by that. */
static bool
start_session(GcsUpload *upload)
{
	GcsWork    *work = upload->work;
	char		length[24];
	HttpHeader	headers[] = {
		{"X-Upload-Content-Type", upload->content->content_type},
		{"X-Upload-Content-Length", length}
	};
	GoogleCall	call = {
		.method = "POST", .path = upload_path(work, "resumable"), .headers = headers,
		.nheaders = lengthof(headers), .content_type = "application/json; charset=UTF-8",
		.repeatable = true
	};
	StringInfoData metadata;
	GoogleReply *reply;
	const char *location = NULL;

	snprintf(length, sizeof(length), UINT64_FORMAT, upload->wanted.size);
	initStringInfo(&metadata);
	append_metadata(&metadata, work, upload->content);
	call.body = metadata.data;
	call.body_length = metadata.len;
	reply = gcs_call(work, &call);
	if (reply->status == 412)
	{
		gcs_compare(work, upload->wanted.size, upload->wanted.crc32c);
		return false;
	}
	if (reply->status == 200 || reply->status == 201)
		location = http_header(reply->response, "Location");
	else
		return gcs_fail(work, reply);
	if (location == NULL)
		return gcs_fail_with(work, "the answer names no upload session");
	upload->session = pstrdup(location);
	upload->unsure = false;
	upload->kept = 0;
	return true;
}

static GoogleReply *
ask_status(GcsUpload *upload)
{
	char		range[40];
	HttpHeader	header = {"Content-Range", range};
	GoogleCall	call = {
		.method = "PUT", .url = upload->session, .headers = &header, .nheaders = 1
	};

	snprintf(range, sizeof(range), "bytes */" UINT64_FORMAT, upload->wanted.size);
	return gcs_call(upload->work, &call);
}

static GoogleReply *
send_chunk(GcsUpload *upload)
{
	uint64		total = upload->wanted.size;
	size_t		wanted = Min(GCS_CHUNK, total - upload->kept);
	size_t		filled = 0;
	char		range[80];
	HttpHeader	header = {"Content-Range", range};
	GoogleCall	call = {
		.method = "PUT", .url = upload->session, .headers = &header, .nheaders = 1,
		.content_type = upload->content->content_type
	};
	const char *bytes;
	size_t		length;

	spool_seek(upload->content->spool, upload->kept);
	while (filled < wanted && spool_read(upload->content->spool, &bytes, &length))
	{
		length = Min(length, wanted - filled);
		memcpy(upload->chunk + filled, bytes, length);
		filled += length;
	}
	snprintf(range, sizeof(range), "bytes " UINT64_FORMAT "-" UINT64_FORMAT "/" UINT64_FORMAT,
			 upload->kept, upload->kept + filled - 1, total);
	call.body = upload->chunk;
	call.body_length = filled;
	FAULT_POINT("gcs_before_chunk");
	return gcs_call(upload->work, &call);
}

/*
 * How much is kept by a 308: "Range: bytes=0-LAST", or nothing without that.  "0-0" is nothing,
 * too: no service keeps a single byte, but one emulator says so of a new session.
 */
static bool
read_kept(GcsUpload *upload, const GoogleReply *reply)
{
	const char *range = http_header(reply->response, "Range");
	unsigned long long last = 0;
	int			end = 0;

	if (range != NULL && (sscanf(range, "bytes=0-%llu%n", &last, &end) != 1 ||
						  range[end] != '\0' || last >= upload->wanted.size))
		return gcs_fail_with(upload->work, "the answer has a range that was not sent");
	upload->kept = last > 0 ? last + 1 : 0;
	return true;
}

/* The service has fewer bytes than before; false when that happens too often. */
static bool
take_loss(GcsUpload *upload)
{
	return ++upload->losses <= LOSSES_MAX ||
		gcs_fail_with(upload->work, "the service loses what it was sent again and again");
}

/* A clear answer about what is kept; false when the upload has ended by that. */
static bool
go_on(GcsUpload *upload, const GoogleReply *reply)
{
	uint64		before = upload->kept;
	bool		asked = upload->unsure;

	if (!read_kept(upload, reply) || (upload->kept < before && !take_loss(upload)))
		return false;
	if (upload->kept > before)
		upload->failures = 0;
	/* all is there, and still no object: there is nothing to send but the question */
	upload->unsure = upload->kept == upload->wanted.size;
	/* what made a question necessary has been waited for already */
	if (!upload->unsure && (upload->kept > before || asked))
		return true;
	return upload_pause(upload, reply);
}

/* What an answer in a session means; false when the upload has ended by it. */
static bool
take_answer(GcsUpload *upload, const GoogleReply *reply)
{
	GcsWork    *work = upload->work;

	switch (reply->status)
	{
		case 200:
		case 201:
			gcs_settle(work, reply, "$", &upload->wanted);
			return false;
		case 308:
			return go_on(upload, reply);
		case 412:
			gcs_compare(work, upload->wanted.size, upload->wanted.crc32c);
			return false;
		case 404:
		case 410:
			upload->session = NULL;
			return take_loss(upload) && upload_pause(upload, reply);
		default:
			upload->unsure = true;
			return reply->retry ? upload_pause(upload, reply) : gcs_fail(work, reply);
	}
}

static void
put_resumable(GcsWork *work, const StoreContent *content, const StoreResult *wanted)
{
	GcsUpload	upload = {
		.work = work, .content = content, .wanted = *wanted, .chunk = palloc(GCS_CHUNK)
	};

	while (upload.session != NULL || start_session(&upload))
		if (!take_answer(&upload, upload.unsure ? ask_status(&upload) : send_chunk(&upload)))
			return;
}

StoreResult
gcs_put_if_absent(Store *store, const char *name, const StoreContent *content)
{
	GcsWork    *work = gcs_begin(store, name);
	StoreResult wanted = {.size = spool_size(content->spool), .crc32c = content->crc32c};

	if (wanted.size <= GCS_CHUNK)
		put_small(work, content, &wanted);
	else
		put_resumable(work, content, &wanted);
	return gcs_end(work);
}
