/*
 * pool.c
 *	  A pool: the library's handles and connections for one server and one user.
 *
 *	  It is released by its memory context. Neither that nor a transfer's leaving may throw or
 *	  wait: both happen in aborts too.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/pool.h"

#include "net/exchange.h"
#include "net/wait.h"
#include "utils/memutils.h"

#define DEFAULT_CONNECTIONS	16
#define DEFAULT_INBOX		((size_t) 4 * 1024 * 1024)	/* a power of two: the inbox doubles */

static void
library_open(void)
{
	static bool opened = false;

	if (!opened && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR,
				errcode(ERRCODE_SYSTEM_ERROR),
				errmsg("could not initialize libcurl"));
	opened = true;
}

/* Callback of the library: from here on wait for this on that socket. */
static int
on_watch(CURL *handle, curl_socket_t socket, int what, void *arg, void *unused)
{
	HttpPool   *pool = arg;
	uint32		events = 0;

	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= WL_SOCKET_READABLE;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= WL_SOCKET_WRITEABLE;
	return watch_note(pool->watch, socket, events) ? 0 : -1;
}

/* Callback of the library: call again at that time. */
static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	HttpPool   *pool = arg;

	pool->timer_at = timeout_ms < 0 ? -1 : wait_clock_ms() + timeout_ms;
	return 0;
}

void
transfer_detach(HttpTransfer *transfer)
{
	HttpPool   *pool = transfer->pool;

	curl_multi_remove_handle(pool->multi, transfer->handle);
	curl_easy_reset(transfer->handle);	/* nothing may point to the transfer any more */
	pool->idle[pool->nidle++] = transfer->handle;
	transfer->handle = NULL;
}

void
transfer_leave(HttpTransfer *transfer)
{
	if (transfer->pool == NULL)
		return;
	if (transfer->handle != NULL)
		transfer_detach(transfer);
	if (transfer->in_received)
		dlist_delete(&transfer->received_node);
	transfer->in_received = false;
	if (transfer->state != TRANSFER_DELIVERED)
	{
		dlist_delete(&transfer->node);
		transfer->pool->pending--;
	}
	transfer->state = TRANSFER_DELIVERED;
	transfer->pool = NULL;
}

static void
list_leave(dlist_head *transfers)
{
	while (!dlist_is_empty(transfers))
		transfer_leave(dlist_head_element(HttpTransfer, node, transfers));
}

static void
pool_free(void *arg)
{
	HttpPool   *pool = arg;

	list_leave(&pool->queued);
	list_leave(&pool->running);
	list_leave(&pool->ended);
	list_leave(&pool->finished);
	for (int i = 0; i < pool->nhandles; i++)
		curl_easy_cleanup(pool->handles[i]);
	if (pool->multi != NULL)
		curl_multi_cleanup(pool->multi);
	curl_slist_free_all(pool->resolve);
}

static void
pool_copy_options(HttpPool *pool, const PoolOptions *options)
{
	if (options->ca_bundle != NULL)
	{
		pool->ca_bundle.data = MemoryContextStrdup(pool->memory, options->ca_bundle);
		pool->ca_bundle.len = strlen(options->ca_bundle);
		pool->ca_bundle.flags = CURL_BLOB_NOCOPY;
	}
	for (int i = 0; i < options->nresolve; i++)
	{
		struct curl_slist *longer = curl_slist_append(pool->resolve, options->resolve[i]);

		if (longer == NULL)
			ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
		pool->resolve = longer;
	}
}

HttpPool *
pool_create(MemoryContext owner, const PoolOptions *options)
{
	MemoryContext memory = AllocSetContextCreate(owner, "dataops connections",
												 ALLOCSET_SMALL_SIZES);
	HttpPool   *pool = MemoryContextAllocZero(memory, sizeof(HttpPool));

	library_open();
	pool->memory = memory;
	pool->gate = options->gate;
	pool->limits = options->limits;
	pool->connections = options->connections > 0 ? options->connections : DEFAULT_CONNECTIONS;
	pool->inbox_bytes = options->inbox_bytes > 0 ? options->inbox_bytes : DEFAULT_INBOX;
	pool->handles = MemoryContextAlloc(memory, pool->connections * sizeof(CURL *));
	pool->idle = MemoryContextAlloc(memory, pool->connections * sizeof(CURL *));
	pool->timer_at = -1;
	dlist_init(&pool->queued);
	dlist_init(&pool->running);
	dlist_init(&pool->ended);
	dlist_init(&pool->finished);
	dlist_init(&pool->received);
	/*
	 * made before the callback is armed, hence released after it: closing sockets tells the
	 * watch
	 */
	pool->watch = watch_create(memory);
	pool->release.func = pool_free;
	pool->release.arg = pool;
	MemoryContextRegisterResetCallback(memory, &pool->release);
	pool_copy_options(pool, options);
	pool->multi = curl_multi_init();
	if (pool->multi == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_watch);
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long) pool->connections);
	return pool;
}

void
pool_release(HttpPool *pool)
{
	MemoryContextDelete(pool->memory);
}

int
pool_pending(const HttpPool *pool)
{
	return pool->pending;
}
