/*
 * gcs.h
 *	  What the parts of the Google Cloud Storage driver share: gcs.c (the store and its small
 *	  operations), gcs_upload.c (putting) and gcs_transfer.c (getting and copying).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GCS_H
#define DATAOPS_GCS_H

#include "postgres.h"

#include "google/client.h"
#include "store/store.h"

/*
 * So much goes in one request; larger objects take several.  Google wants a multiple of 256 KiB.
 */
#define GCS_CHUNK		((size_t) 8 * 1024 * 1024)

#define GCS_RESOURCE_FIELDS	"size,crc32c,generation"

/* The mark of an object is the member of this name in its metadata. */
#define GCS_MARK			"dataops"

typedef struct GcsStore
{
	Store		base;
	GoogleClient *client;
	char	   *bucket;
	char	   *prefix;			/* "" or "a/b/" */
} GcsStore;

/* One operation on one object: its memory, and what becomes of it. */
typedef struct GcsWork
{
	GcsStore   *store;
	char	   *name;			/* in the bucket */
	MemoryContext memory;
	MemoryContext call;			/* of the request in hand */
	MemoryContext caller;
	StoreResult result;
} GcsWork;

/* Begins an operation, in a memory context that becomes the current one; checks the name. */
extern GcsWork *gcs_begin(Store *store, const char *name);

/* Ends it: the result, in what was the current context. */
extern StoreResult gcs_end(GcsWork *work);

/* Performs a request.  The reply is good until the next one of the same operation. */
extern GoogleReply *gcs_call(GcsWork *work, const GoogleCall *call);

/* The result becomes the failure that a reply tells of; returns false. */
extern bool gcs_fail(GcsWork *work, const GoogleReply *reply);

/* The same with a reason of ours, for what the service should not have said. */
extern bool gcs_fail_with(GcsWork *work, const char *reason);

/* "/storage/v1/b/BUCKET/o/NAME" of the operation's object. */
extern char *gcs_object_path(const GcsWork *work);

/*
 * Reads size, checksum and generation out of the object's description at "path" ("$", or where it
 * stands in the reply) into the result.  False when that is no such description.
 */
extern bool gcs_read_resource(GcsWork *work, const GoogleReply *reply, const char *path);

/* The question for the object as it is now, its reply, both.  False: the outcome says why not. */
extern GoogleCall gcs_look_call(const GcsWork *work);
extern bool gcs_take_look(GcsWork *work, const GoogleReply *reply);
extern bool gcs_look(GcsWork *work);

/*
 * The name is taken, and was "found" or not when it was looked at: the outcome tells whether it is
 * by the wanted contents.
 */
extern void gcs_compare(GcsWork *work, bool found, const StoreResult *wanted);

/* Removes the object if it still has the generation in the result. */
extern GoogleCall gcs_delete_call(const GcsWork *work);
extern bool gcs_take_deletion(GcsWork *work, const GoogleReply *reply);

/*
 * The object that was just made has the description at "path" in the reply.  True when that is of
 * other contents: then it is to be taken away, and the operation has failed by it.
 */
extern bool gcs_is_damaged(GcsWork *work, const GoogleReply *reply, const char *path,
						   const StoreResult *wanted);
extern void gcs_tell_damage(GcsWork *work, bool taken_away);

/* A checksum as Google writes it: base64 of four bytes, the highest first. */
extern char *gcs_checksum_text(uint32 crc32c);

extern StorePut *gcs_put_begin(Store *store, const char *name, const StoreContent *content);
extern StorePutState gcs_put_pump(StorePut *put);
extern StoreResult gcs_put_finish(StorePut *put);
extern StoreResult gcs_copy_if_absent(Store *from, Store *to, const char *name);
extern StoreResult gcs_get(Store *store, const char *name, Spool *content);

#endif
