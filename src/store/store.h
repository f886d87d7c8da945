/*
 * store.h
 *	  Object stores behind one driver: immutable objects under names, written only if absent.
 *
 * An object's name is "a/b/c": segments of printable characters without "..".  What a store does or
 * refuses is an outcome; wrong names and settings throw.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_STORE_H
#define DATAOPS_STORE_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "catalog/connection.h"
#include "core/spool.h"

typedef enum StoreOutcome
{
	STORE_DONE,					/* stored, found or removed */
	STORE_EXISTS_SAME,			/* an object of this name has this size and checksum */
	STORE_EXISTS_OTHER,			/* an object of this name has other contents */
	STORE_ABSENT,
	STORE_FAILED				/* "reason" says why */
} StoreOutcome;

typedef struct StoreResult
{
	StoreOutcome outcome;
	uint64		size;			/* of the object that is there now */
	uint32		crc32c;
	int64		generation;		/* the store's number for these contents; 0 where it has none */
	char	   *reason;			/* a clause, in CurrentMemoryContext; NULL unless failed */
	bool		retry;			/* the failure may pass by itself */
	TimestampTz not_before;		/* the store wants no request before that time; 0: any time */
} StoreResult;

typedef struct StoreObject
{
	char	   *name;
	uint64		size;
	bool		has_checksum;	/* the listing told it; else stat does */
	uint32		crc32c;
} StoreObject;

typedef struct Store Store;

/* Where in a store: each area is a prefix of its own, set by the connection's options. */
typedef enum StoreArea
{
	STORE_PRODUCTION,			/* option "prefix" */
	STORE_STAGING				/* option "staging_prefix" */
} StoreArea;

/* What is put: a spool and what is known of it. */
typedef struct StoreContent
{
	Spool	   *spool;			/* read from its start, more than once if need be */
	uint32		crc32c;
	const char *content_type;	/* "application/gzip" … */
	const char *mark;			/* a word by which remove_marked() knows it; NULL: none */
} StoreContent;

/* A put under way; what it is knows its driver. */
typedef struct StorePut StorePut;

typedef enum StorePutState
{
	STORE_PUT_SENDING,
	STORE_PUT_TAKEN,			/* the store has the bytes, though not yet under the name */
	STORE_PUT_SETTLED			/* it has ended; put_finish() says how */
} StorePutState;

typedef struct StoreDriver
{
	const char *wrapper;
	bool		remote;			/* its calls wait on the network: outside of a transaction only */
	Store	   *(*open) (Connection *connection, StoreArea area, MemoryContext owner);
	/*
	 * Begins a put, without waiting.  What "content" points to must stay, the spool until the put
	 * is taken or settled.  It lives in CurrentMemoryContext, and is broken off when that goes.
	 */
	StorePut   *(*put_begin) (Store *store, const char *name, const StoreContent *content);
	/* Does what can be done without waiting on the network, so even under a snapshot. */
	StorePutState (*put_pump) (StorePut *put);
	/*
	 * Goes on to its end and frees it.  The object is durable when this returns STORE_DONE; readers
	 * never see a part of it.
	 */
	StoreResult (*put_finish) (StorePut *put);
	/*
	 * Copies an object of "from" (another area of the same connection) to the same name without
	 * moving its bytes through here; outcomes as put_finish, STORE_ABSENT without the original.
	 */
	StoreResult (*copy_if_absent) (Store *from, Store *to, const char *name);
	/* Appends the object's bytes to "content". */
	StoreResult (*get) (Store *store, const char *name, Spool *content);
	/* Size and checksum of the contents as they are now. */
	StoreResult (*stat) (Store *store, const char *name);
	/* Also takes away what an unfinished put of that name left behind. */
	StoreResult (*remove) (Store *store, const char *name);
	/*
	 * Removes what puts with "mark" have left under names that start with "prefix": what is
	 * unfinished, and the objects that put_pump() has made.  Nothing of others is touched.
	 */
	StoreResult (*remove_marked) (Store *store, const char *prefix, const char *mark);
	/* All objects whose name starts with the folder "prefix/" (all when ""): of StoreObject *. */
	/* In the order of strcmp; throws when the store cannot tell. */
	List	   *(*list) (Store *store, const char *prefix);
} StoreDriver;

struct Store
{
	const StoreDriver *driver;
	char	   *server;
	char	   *root;			/* for people: "gs://bucket/prefix/", "file:prefix/"; an object's
								 * place is this and its name */
};

/*
 * Opens an area of the store behind a connection; it lives as long as "owner".  Needs a
 * transaction.  Throws when the connection's wrapper is no object store or the store cannot be
 * used.  NULL for the staging area of a connection without "staging_prefix".
 */
extern Store *store_open(Connection *connection, StoreArea area, MemoryContext owner);

/* Is an object store behind the connection? */
extern bool store_is_behind(const Connection *connection);

/* After a put or a copy: is the object there, with the contents that it should have? */
static inline bool
store_is_there(const StoreResult *result)
{
	return result->outcome == STORE_DONE || result->outcome == STORE_EXISTS_SAME;
}

/* A whole put: begun and finished. */
extern StoreResult store_put_if_absent(Store *store, const char *name,
									   const StoreContent *content);

/* May this be an object's name? */
extern bool store_name_is_valid(const char *name);

/* Throws 22023 unless "name" may be an object's name. */
extern void store_check_name(const char *name);

/* Orders a list of objects by their names. */
extern int	store_compare_objects(const ListCell *a, const ListCell *b);

extern const StoreDriver store_file_driver;
extern const StoreDriver store_gcs_driver;

#endif
