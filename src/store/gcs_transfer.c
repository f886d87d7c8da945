/*
 * gcs_transfer.c
 *	  Getting objects from Google Cloud Storage, and copying them inside of it.
 *
 * Both look at the object first and then stay with that generation: what is read or copied in
 * several requests is of one object, whatever happens to its name meanwhile.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "store/gcs.h"

#include "miscadmin.h"
#include "port/pg_crc32c.h"

#include "core/fault.h"
#include "core/url.h"

#define IDLE_REWRITES	10		/* calls in a row that may copy nothing */

/* ---- getting ---- */

/* Adds a reply's body of "length" bytes to "content". */
static bool
add_body(GcsWork *work, GoogleReply *reply, size_t length, Spool *content, pg_crc32c *crc)
{
	Spool	   *body = reply->response->body;
	const char *bytes;
	size_t		run;

	/* as received: Content-Encoding belongs to the object, the checksum is of the stored bytes */
	if (spool_size(body) != length)
		return gcs_fail_with(work, "the answer has not the bytes that were asked for");
	spool_rewind(body);
	while (spool_read(body, &bytes, &run))
	{
		COMP_CRC32C(*crc, bytes, run);
		spool_write(content, bytes, run);
	}
	return true;
}

/* The bytes from "at" on, as many as one request takes; false when the operation has failed. */
static bool
get_part(GcsWork *work, const char *path, uint64 at, Spool *content, pg_crc32c *crc)
{
	size_t		length = Min(GCS_CHUNK, work->result.size - at);
	char		range[64];
	HttpHeader	headers[] = {{"Accept-Encoding", "gzip"}, {"Range", range}};
	GoogleCall	call = {
		.path = path, .headers = headers, .nheaders = lengthof(headers), .repeatable = true,
		.media = true, .quiet_404 = true
	};
	GoogleReply *reply;

	snprintf(range, sizeof(range), "bytes=" UINT64_FORMAT "-" UINT64_FORMAT, at, at + length - 1);
	reply = gcs_call(work, &call);
	if (reply->status == 404)
	{
		work->result.outcome = STORE_ABSENT;
		return false;
	}
	/* 200 is the whole object, which is right when it is no longer than a part */
	if (reply->status != 206 && (reply->status != 200 || length != work->result.size))
		return gcs_fail(work, reply);
	return add_body(work, reply, length, content, crc);
}

StoreResult
gcs_get(Store *store, const char *name, Spool *content)
{
	GcsWork    *work = gcs_begin(store, name);
	char	   *path;
	pg_crc32c	crc;

	if (!gcs_look(work))
		return gcs_end(work);
	path = psprintf("%s?alt=media&generation=" INT64_FORMAT, gcs_object_path(work),
					work->result.generation);
	INIT_CRC32C(crc);
	for (uint64 at = 0; at < work->result.size; at += GCS_CHUNK)
		if (!get_part(work, path, at, content, &crc))
			return gcs_end(work);
	FIN_CRC32C(crc);
	if (crc != work->result.crc32c)
		(void) gcs_fail_with(work, "the bytes were damaged on their way");
	return gcs_end(work);
}

/* ---- copying ---- */

/* The path that copies "origin", as it was looked at, to the object of "target". */
static char *
rewrite_path(const GcsWork *origin, const GcsWork *target)
{
	/* the object's own path is that of the interface and "/b/BUCKET/o/NAME" */
	return psprintf("%s/rewriteTo%s?ifGenerationMatch=0&sourceGeneration=" INT64_FORMAT
					"&fields=done,rewriteToken,totalBytesRewritten,"
					"resource(" GCS_RESOURCE_FIELDS ")",
					gcs_object_path(origin), gcs_object_path(target) + strlen("/storage/v1"),
					origin->result.generation);
}

/* What is not as it should be is taken away again. */
static void
take_copy(GcsWork *work, const GoogleReply *reply, const StoreResult *wanted)
{
	GoogleCall	call;

	if (!gcs_is_damaged(work, reply, "$.resource", wanted))
		return;
	call = gcs_delete_call(work);
	gcs_tell_damage(work, gcs_take_deletion(work, gcs_call(work, &call)));
}

/*
 * One call of a copy; *token and *copied carry on from the former.  False when the copy has ended:
 * the outcome says how.
 */
static bool
rewrite_some(GcsWork *work, const char *path, char **token, int64 *copied,
			 const StoreResult *wanted)
{
	GoogleCall	call = {.method = "POST", .path = path, .repeatable = true, .quiet_404 = true};
	GoogleReply *reply;
	const char *next;

	if (*token != NULL)
	{
		StringInfoData longer;

		initStringInfo(&longer);
		appendStringInfo(&longer, "%s&rewriteToken=", path);
		url_encode(&longer, *token);
		call.path = longer.data;
	}
	FAULT_POINT("gcs_before_rewrite");
	reply = gcs_call(work, &call);
	if (reply->status == 412)
		gcs_compare(work, gcs_look(work), wanted);
	else if (reply->status == 404)
		work->result.outcome = STORE_ABSENT;
	else if (reply->status != 200)
		(void) gcs_fail(work, reply);
	else if (reply->json == NULL ||
			 (next = json_reply_text(reply->json, "$.rewriteToken")) == NULL || *next == '\0')
		take_copy(work, reply, wanted);
	else
	{
		*token = pstrdup(next);
		return json_reply_int64(reply->json, "$.totalBytesRewritten", copied) ||
			gcs_fail_with(work, "the answer does not say how much was copied");
	}
	return false;
}

static void
copy_object(GcsWork *work, const char *path, const StoreResult *wanted)
{
	char	   *token = NULL;
	int64		copied = 0;
	int64		best = 0;
	int			idle = 0;

	while (rewrite_some(work, path, &token, &copied, wanted))
	{
		idle = copied > best ? 0 : idle + 1;
		best = Max(best, copied);
		if (idle == IDLE_REWRITES)
		{
			(void) gcs_fail_with(work, "the copy does not get on");
			return;
		}
	}
}

StoreResult
gcs_copy_if_absent(Store *from, Store *to, const char *name)
{
	GcsWork    *target = gcs_begin(to, name);
	GcsWork    *origin = gcs_begin(from, name);

	if (gcs_look(origin))
		copy_object(target, rewrite_path(origin, target), &origin->result);
	else
		target->result = origin->result;
	if (target->result.reason != NULL)
		target->result.reason = MemoryContextStrdup(target->memory, target->result.reason);
	(void) gcs_end(origin);
	return gcs_end(target);
}
