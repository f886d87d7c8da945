/*
 * gcs.c
 *	  Objects in Google Cloud Storage, by its JSON interface.
 *
 * Every request that changes something says which generation it expects (0: none), so that it can
 * be repeated when its answer was lost.  What is there is told apart by size and CRC32C alone.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "store/gcs.h"

#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "catalog/option.h"
#include "core/compat.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/url.h"

#define REMOVE_ATTEMPTS		3	/* of removing what is replaced all the time */

/* ---- opening ---- */

static Store *
gcs_open(Connection *connection, StoreArea area, MemoryContext owner)
{
	const char *option = area == STORE_STAGING ? "staging_prefix" : "prefix";
	const char *prefix = option_text(connection->options, option, "");
	size_t		length = strlen(prefix);
	bool		is_open = length > 0 && prefix[length - 1] != '/';
	MemoryContext previous = MemoryContextSwitchTo(owner);
	GcsStore   *store = palloc0(sizeof(GcsStore));

	store->base.driver = &store_gcs_driver;
	store->base.server = pstrdup(connection->server);
	store->bucket = pstrdup(option_text(connection->options, "bucket", ""));
	store->prefix = psprintf("%s%s", prefix, is_open ? "/" : "");
	store->base.root = psprintf("gs://%s/%s", store->bucket, store->prefix);
	store->client = google_client_open(connection, GOOGLE_STORAGE, owner);
	MemoryContextSwitchTo(previous);
	return &store->base;
}

/* ---- one operation ---- */

static GcsWork *
begin(GcsStore *store)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "dataops gcs",
												 ALLOCSET_DEFAULT_SIZES);
	GcsWork    *work = MemoryContextAllocZero(memory, sizeof(GcsWork));

	work->store = store;
	work->memory = memory;
	work->caller = MemoryContextSwitchTo(memory);
	work->call = AllocSetContextCreate(memory, "dataops gcs request", ALLOCSET_DEFAULT_SIZES);
	return work;
}

GcsWork *
gcs_begin(Store *store, const char *name)
{
	GcsWork    *work;

	store_check_name(name);
	work = begin((GcsStore *) store);
	work->name = psprintf("%s%s", work->store->prefix, name);
	return work;
}

StoreResult
gcs_end(GcsWork *work)
{
	StoreResult result = work->result;

	MemoryContextSwitchTo(work->caller);
	if (result.reason != NULL)
		result.reason = pstrdup(result.reason);
	MemoryContextDelete(work->memory);
	return result;
}

GoogleReply *
gcs_call(GcsWork *work, const GoogleCall *call)
{
	GoogleReply *reply;

	MemoryContextReset(work->call);
	MemoryContextSwitchTo(work->call);
	reply = google_call(work->store->client, call);
	MemoryContextSwitchTo(work->memory);
	return reply;
}

bool
gcs_fail(GcsWork *work, const GoogleReply *reply)
{
	work->result.outcome = STORE_FAILED;
	work->result.retry = reply->retry;
	work->result.not_before = reply->not_before;
	work->result.reason = reply->problem != NULL ? pstrdup(reply->problem) :
		psprintf("unexpected status %d", reply->status);
	return false;
}

bool
gcs_fail_with(GcsWork *work, const char *reason)
{
	work->result.outcome = STORE_FAILED;
	work->result.retry = true;
	work->result.reason = pstrdup(reason);
	return false;
}

char *
gcs_object_path(const GcsWork *work)
{
	StringInfoData path;

	initStringInfo(&path);
	appendStringInfoString(&path, "/storage/v1/b/");
	url_encode(&path, work->store->bucket);
	appendStringInfoString(&path, "/o/");
	url_encode(&path, work->name);
	return path.data;
}

/* ---- what is there ---- */

char *
gcs_checksum_text(uint32 crc32c)
{
	uint32		bytes = pg_hton32(crc32c);

	return compat_base64((const char *) &bytes, sizeof(bytes));
}

static bool
read_checksum(const char *text, uint32 *crc32c)
{
	uint32		bytes;

	if (text == NULL || strlen(text) != pg_b64_enc_len(sizeof(bytes)) ||
		pg_b64_decode(text, strlen(text), (void *) &bytes, sizeof(bytes)) != sizeof(bytes))
		return false;
	*crc32c = pg_ntoh32(bytes);
	return true;
}

/* Size, checksum and generation of the object described at "path". */
static bool
read_description(const JsonReply *json, const char *path, StoreResult *result)
{
	int64		size;

	if (json == NULL ||
		!json_reply_int64(json, psprintf("%s.size", path), &size) || size < 0 ||
		!json_reply_int64(json, psprintf("%s.generation", path), &result->generation) ||
		!read_checksum(json_reply_text(json, psprintf("%s.crc32c", path)), &result->crc32c))
		return false;
	result->size = size;
	return true;
}

bool
gcs_read_resource(GcsWork *work, const GoogleReply *reply, const char *path)
{
	return read_description(reply->json, path, &work->result) ||
		gcs_fail_with(work, "the answer does not describe an object");
}

GoogleCall
gcs_look_call(const GcsWork *work)
{
	return (GoogleCall) {
		.path = psprintf("%s?fields=" GCS_RESOURCE_FIELDS, gcs_object_path(work)),
		.repeatable = true, .quiet_404 = true
	};
}

bool
gcs_take_look(GcsWork *work, const GoogleReply *reply)
{
	memset(&work->result, 0, sizeof(StoreResult));
	if (reply->status == 404)
		work->result.outcome = STORE_ABSENT;
	else if (reply->status != 200)
		return gcs_fail(work, reply);
	else
		return gcs_read_resource(work, reply, "$");
	return false;
}

bool
gcs_look(GcsWork *work)
{
	GoogleCall	call = gcs_look_call(work);

	return gcs_take_look(work, gcs_call(work, &call));
}

void
gcs_compare(GcsWork *work, bool found, const StoreResult *wanted)
{
	if (found)
		work->result.outcome = work->result.size == wanted->size &&
			work->result.crc32c == wanted->crc32c ? STORE_EXISTS_SAME : STORE_EXISTS_OTHER;
	else if (work->result.outcome == STORE_ABSENT)
		(void) gcs_fail_with(work, "the object that had the name has gone meanwhile");
}

bool
gcs_is_damaged(GcsWork *work, const GoogleReply *reply, const char *path,
			   const StoreResult *wanted)
{
	FAULT_POINT("gcs_after_effect");
	return gcs_read_resource(work, reply, path) &&
		(work->result.size != wanted->size || work->result.crc32c != wanted->crc32c);
}

void
gcs_tell_damage(GcsWork *work, bool taken_away)
{
	(void) gcs_fail_with(work, taken_away ?
						 "the bytes were damaged on their way, and taken away again" :
						 psprintf("the bytes were damaged on their way, and are still there: %s",
								  work->result.reason));
}

static StoreResult
gcs_stat(Store *store, const char *name)
{
	GcsWork    *work = gcs_begin(store, name);

	(void) gcs_look(work);
	return gcs_end(work);
}

/* ---- removing ---- */

GoogleCall
gcs_delete_call(const GcsWork *work)
{
	return (GoogleCall) {
		.method = "DELETE",
		.path = psprintf("%s?ifGenerationMatch=" INT64_FORMAT, gcs_object_path(work),
						 work->result.generation),
		.repeatable = true, .quiet_404 = true
	};
}

bool
gcs_take_deletion(GcsWork *work, const GoogleReply *reply)
{
	/* 404: it went by a first try whose answer was lost, or by somebody else */
	return (reply->status >= 200 && reply->status < 300) || reply->status == 404 ||
		gcs_fail(work, reply);
}

/* Asks for the removal; false: the outcome says why not, *replaced whether it is another by now. */
static bool
delete_generation(GcsWork *work, bool *replaced)
{
	GoogleCall	call = gcs_delete_call(work);
	GoogleReply *reply = gcs_call(work, &call);

	*replaced = reply->status == 412;
	return gcs_take_deletion(work, reply);
}

/*
 * By generation, so that a repeated request cannot take away what was put there meanwhile.  What an
 * unfinished upload left is no object, and vanishes with its session.
 */
static StoreResult
gcs_remove(Store *store, const char *name)
{
	GcsWork    *work = gcs_begin(store, name);
	bool		replaced = true;

	for (int i = 0; replaced && i < REMOVE_ATTEMPTS; i++)
	{
		replaced = false;
		if (gcs_look(work))
			(void) delete_generation(work, &replaced);
	}
	return gcs_end(work);
}

/* ---- listing ---- */

/* Adds the objects of a page, in the caller's context. */
static List *
add_page(GcsWork *work, const JsonReply *json, List *objects)
{
	size_t		skipped = strlen(work->store->prefix);
	const char *name;

	for (int i = 0;
		 (name = json_reply_text(json, psprintf("$.items[%d].name", i))) != NULL; i++)
	{
		StoreResult found;
		StoreObject *object;

		CHECK_FOR_INTERRUPTS();
		/* names that other programs may give, but no store of ours: "folder/" … */
		if (strlen(name) <= skipped || !store_name_is_valid(name + skipped) ||
			!read_description(json, psprintf("$.items[%d]", i), &found))
			continue;
		MemoryContextSwitchTo(work->caller);
		object = palloc0(sizeof(StoreObject));
		object->name = pstrdup(name + skipped);
		object->size = found.size;
		object->crc32c = found.crc32c;
		object->has_checksum = true;
		objects = lappend(objects, object);
		MemoryContextSwitchTo(work->call);
	}
	return objects;
}

/* The path of a page of names that start so; "token" is NULL for the first one. */
static char *
page_path(GcsWork *work, const char *prefix, const char *fields, const char *token)
{
	StringInfoData path;

	initStringInfo(&path);
	appendStringInfoString(&path, "/storage/v1/b/");
	url_encode(&path, work->store->bucket);
	appendStringInfo(&path, "/o?fields=items(%s),nextPageToken&prefix=", fields);
	url_encode(&path, psprintf("%s%s", work->store->prefix, prefix));
	if (token != NULL)
	{
		appendStringInfoString(&path, "&pageToken=");
		url_encode(&path, token);
	}
	return path.data;
}

/* Asks for a page of a listing; false: the outcome says why there is none. */
static bool
get_page(GcsWork *work, const char *path, GoogleReply **page)
{
	GoogleCall	call = {.path = path, .repeatable = true};

	*page = gcs_call(work, &call);
	return ((*page)->status == 200 && (*page)->json != NULL) || gcs_fail(work, *page);
}

/* What the page after this one is asked for by; NULL: it is the last. */
static char *
next_token(const GoogleReply *page)
{
	const char *token = json_reply_text(page->json, "$.nextPageToken");

	return token != NULL ? pstrdup(token) : NULL;
}

static List *
gcs_list(Store *store, const char *prefix)
{
	GcsWork    *work;
	List	   *objects = NIL;
	char	   *folder;
	char	   *token = NULL;

	if (*prefix != '\0')
		store_check_name(prefix);
	work = begin((GcsStore *) store);
	folder = psprintf("%s%s", prefix, *prefix ? "/" : "");
	do
	{
		GoogleReply *page;

		if (!get_page(work, page_path(work, folder, "name," GCS_RESOURCE_FIELDS, token), &page))
			ereport(ERROR,
					errcode(page->sqlstate != 0 ? page->sqlstate : ERRCODE_MALFORMED_REPLY),
					errmsg("could not list the objects of connection \"%s\"", store->server),
					errdetail("The store says: %s.", work->result.reason));
		MemoryContextSwitchTo(work->call);
		objects = add_page(work, page->json, objects);
		MemoryContextSwitchTo(work->memory);
		token = next_token(page);
	} while (token != NULL);
	(void) gcs_end(work);
	list_sort(objects, store_compare_objects);
	return objects;
}

/* ---- what a mark tells ---- */

typedef struct MarkedObject
{
	char	   *name;			/* in the store */
	int64		generation;
} MarkedObject;

/* Adds the objects of a page that have the mark. */
static List *
add_marked(GcsWork *work, const JsonReply *json, const char *mark, List *marked)
{
	size_t		skipped = strlen(work->store->prefix);
	const char *name;

	for (int i = 0;
		 (name = json_reply_text(json, psprintf("$.items[%d].name", i))) != NULL; i++)
	{
		const char *found = json_reply_text(json, psprintf("$.items[%d].metadata." GCS_MARK, i));
		MarkedObject *object;

		if (found == NULL || strcmp(found, mark) != 0)
			continue;
		object = palloc0(sizeof(MarkedObject));
		object->name = pstrdup(name + skipped);
		if (json_reply_int64(json, psprintf("$.items[%d].generation", i), &object->generation))
			marked = lappend(marked, object);
	}
	return marked;
}

/* What has replaced it meanwhile is not ours. */
static StoreResult
remove_one(Store *store, const MarkedObject *object)
{
	GcsWork    *work = gcs_begin(store, object->name);
	bool		replaced;

	work->result.generation = object->generation;
	if (!delete_generation(work, &replaced) && replaced)
		work->result.outcome = STORE_DONE;
	return gcs_end(work);
}

/* All are looked for before one is removed: the pages are of what is there. */
static StoreResult
gcs_remove_marked(Store *store, const char *prefix, const char *mark)
{
	GcsWork    *work = begin((GcsStore *) store);
	List	   *marked = NIL;
	char	   *token = NULL;
	ListCell   *cell;

	do
	{
		GoogleReply *page;

		if (!get_page(work, page_path(work, prefix, "name,generation,metadata", token), &page))
			return gcs_end(work);
		marked = add_marked(work, page->json, mark, marked);
		token = next_token(page);
	} while (token != NULL);
	foreach(cell, marked)
	{
		work->result = remove_one(store, lfirst(cell));
		if (work->result.outcome == STORE_FAILED)
			break;
	}
	return gcs_end(work);
}

const StoreDriver store_gcs_driver = {
	.wrapper = "dataops_gcs",
	.remote = true,
	.open = gcs_open,
	.put_begin = gcs_put_begin,
	.put_pump = gcs_put_pump,
	.put_finish = gcs_put_finish,
	.copy_if_absent = gcs_copy_if_absent,
	.get = gcs_get,
	.stat = gcs_stat,
	.remove = gcs_remove,
	.remove_marked = gcs_remove_marked,
	.list = gcs_list
};
