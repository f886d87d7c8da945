/*
 * transfer.c
 *	  Transfers over a pool of connections, and the wait for them.
 *
 *	  A transfer goes queued → running → ended → finished → delivered, and is in the pool's
 *	  list of that name. The library moves transfers inside pool_act(), with signals blocked;
 *	  everything that may throw happens after it, on lists that an error leaves consistent.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/transfer.h"

#include <signal.h>

#include "miscadmin.h"
#include "net/exchange.h"
#include "net/wait.h"
#include "utils/memutils.h"

#define READY_AT_ONCE		64	/* sockets looked at per wait */

static uint32
wait_event_http(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = compat_wait_event("DataopsHttp");
	return event;
}

/* --- transfers --- */

static void
transfer_move(HttpTransfer *transfer, dlist_head *list, TransferState state)
{
	dlist_delete(&transfer->node);
	dlist_push_tail(list, &transfer->node);
	transfer->state = state;
}

static void
transfer_free(void *arg)
{
	HttpTransfer *transfer = arg;

	transfer_leave(transfer);
	exchange_release(transfer);
}

void
transfer_release(HttpTransfer *transfer)
{
	MemoryContextDelete(transfer->memory);
}

HttpResponse *
transfer_response(const HttpTransfer *transfer)
{
	return transfer->state == TRANSFER_DELIVERED ? transfer->response : NULL;
}

void *
transfer_tag(const HttpTransfer *transfer)
{
	return transfer->tag;
}

/* Gives handles to queued transfers as long as there are any. */
static void
pool_refill(HttpPool *pool)
{
	while (!dlist_is_empty(&pool->queued) &&
		   (pool->nidle > 0 || pool->nhandles < pool->connections))
	{
		HttpTransfer *transfer = dlist_head_element(HttpTransfer, node, &pool->queued);
		CURLMcode	code;

		if (pool->nidle == 0)
		{
			CURL	   *handle = curl_easy_init();

			if (handle == NULL)
				ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
			pool->handles[pool->nhandles++] = handle;
			pool->idle[pool->nidle++] = handle;
		}
		transfer->handle = pool->idle[--pool->nidle];
		transfer_move(transfer, &pool->running, TRANSFER_RUNNING);
		exchange_setup(transfer);
		code = curl_multi_add_handle(pool->multi, transfer->handle);
		if (code != CURLM_OK)
			elog(ERROR, "could not start a transfer: %s", curl_multi_strerror(code));
	}
}

static bool
method_is_repeatable(const char *method)
{
	return strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0;
}

HttpTransfer *
transfer_start(HttpPool *pool, const HttpRequest *request, void *tag)
{
	MemoryContext memory;
	MemoryContext caller;
	HttpTransfer *transfer;
	HttpResponse *response;
	char	   *why;

	http_request_check(request);
	memory = AllocSetContextCreate(CurrentMemoryContext, "dataops transfer", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(memory);
	transfer = palloc0(sizeof(HttpTransfer));
	response = palloc0(sizeof(HttpResponse));
	response->memory = memory;
	response->limits = exchange_limits(&request->limits, &pool->limits);
	response->body = spool_create(memory);
	transfer->memory = memory;
	transfer->response = response;
	transfer->tag = tag;
	transfer->method = pstrdup(request->method != NULL ? request->method : "GET");
	transfer->url = pstrdup(request->url);
	transfer->once = request->once || !method_is_repeatable(transfer->method);
	transfer->body = request->body;
	transfer->body_length = request->body != NULL ? request->body_length : 0;
	transfer->state = TRANSFER_DELIVERED;
	transfer->release.func = transfer_free;
	transfer->release.arg = transfer;
	MemoryContextRegisterResetCallback(memory, &transfer->release);
	exchange_headers(transfer, request);

	transfer->pool = pool;
	dlist_push_tail(&pool->queued, &transfer->node);
	transfer->state = TRANSFER_QUEUED;
	pool->pending++;
	if (!gate_allows_url(pool->gate, transfer->url, &why))
	{
		http_response_fail(response, HTTP_BLOCKED, why);
		transfer_move(transfer, &pool->finished, TRANSFER_FINISHED);
	}
	pool_refill(pool);
	MemoryContextSwitchTo(caller);
	return transfer;
}

/* --- waiting --- */

/* Takes the handle of a transfer that has ended. Does not throw. */
static void
transfer_end(HttpTransfer *transfer, CURLcode code)
{
	outcome_collect(transfer, code);
	transfer_detach(transfer);
	transfer_move(transfer, &transfer->pool->ended, TRANSFER_ENDED);
}

/* Ends the transfers that the library is done with. Does not throw. */
static void
pool_collect(HttpPool *pool)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(pool->multi, &left)) != NULL)
	{
		CURLcode	code = message->data.result;
		char	   *private;
		HttpTransfer *transfer;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		transfer = (HttpTransfer *) private;
		transfer_end(transfer, code);
	}
}

/*
 * Lets the library act on sockets that are ready and on its timer. Any of these calls may start
 * its resolver thread, which inherits the signal mask: with signals open, the server's would be
 * handled in that thread.
 */
static CURLMcode
pool_act(HttpPool *pool, const WaitEvent *ready, int nready)
{
	CURLMcode	code = CURLM_OK;
	sigset_t	all;
	sigset_t	saved;
	int			running;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	for (int i = 0; i < nready && code == CURLM_OK; i++)
	{
		int			what = 0;

		if (ready[i].events & WL_SOCKET_READABLE)
			what |= CURL_CSELECT_IN;
		if (ready[i].events & WL_SOCKET_WRITEABLE)
			what |= CURL_CSELECT_OUT;
		code = curl_multi_socket_action(pool->multi, ready[i].fd, what, &running);
	}
	if (code == CURLM_OK && pool->timer_at >= 0 && pool->timer_at <= wait_clock_ms())
	{
		pool->timer_at = -1;	/* told once; the library sets the next one within the call */
		code = curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	pool_collect(pool);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return code;
}

/*
 * After the library has acted: stores what came, judges what ended. May throw. Transfers are paused
 * only from pool_act() to here, never while anybody sleeps: so no limit on time counts a pause, and
 * none holds up the others.
 */
static void
pool_settle(HttpPool *pool)
{
	while (!dlist_is_empty(&pool->received))
	{
		HttpTransfer *transfer = dlist_head_element(HttpTransfer, received_node, &pool->received);

		dlist_delete(&transfer->received_node);
		transfer->in_received = false;
		exchange_drain(transfer);
		if (transfer->state == TRANSFER_RUNNING)
		{
			CURLcode	code = exchange_resume(transfer);

			if (code != CURLE_OK)
				transfer_end(transfer, code);
		}
	}
	while (!dlist_is_empty(&pool->ended))
	{
		HttpTransfer *transfer = dlist_head_element(HttpTransfer, node, &pool->ended);

		outcome_judge(transfer);
		exchange_release(transfer);
		transfer_move(transfer, &pool->finished, TRANSFER_FINISHED);
	}
}

/* How long to sleep: until the caller's limit or the library's timer. -1 = neither. */
static long
pool_patience(const HttpPool *pool, int64 until)
{
	int64		now = wait_clock_ms();
	int64		first = until;

	if (pool->timer_at >= 0 && (first < 0 || pool->timer_at < first))
		first = pool->timer_at;
	return first < 0 ? -1 : Max(first - now, 0);
}

static void
pool_move(HttpPool *pool, const WaitEvent *ready, int nready)
{
	CURLMcode	code = pool_act(pool, ready, nready);

	if (code != CURLM_OK)
		elog(ERROR, "could not move transfers on: %s", curl_multi_strerror(code));
	pool_settle(pool);
	pool_refill(pool);
}

static void
pool_pump(HttpPool *pool, int64 until)
{
	WaitEvent	ready[READY_AT_ONCE];
	long		timeout = pool_patience(pool, until);
	int			nready;

	if (timeout != 0)
		timeout = wait_begin(timeout);
	nready = watch_wait(pool->watch, timeout, ready, lengthof(ready), wait_event_http());
	pool_move(pool, ready, nready);
}

HttpTransfer *
transfer_wait(HttpPool *pool, long timeout_ms)
{
	int64		until = timeout_ms < 0 ? -1 : wait_clock_ms() + timeout_ms;
	bool		pumped = false;

	/* what was started since goes out before the caller works on what has come in */
	if (pool->timer_at >= 0 && pool->timer_at <= wait_clock_ms())
		pool_move(pool, NULL, 0);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (!dlist_is_empty(&pool->finished))
		{
			HttpTransfer *transfer = dlist_head_element(HttpTransfer, node, &pool->finished);

			dlist_delete(&transfer->node);
			transfer->state = TRANSFER_DELIVERED;
			pool->pending--;
			return transfer;
		}
		if (pool->pending == 0 || (pumped && until >= 0 && wait_clock_ms() >= until))
			return NULL;
		pool_pump(pool, until);
		pumped = true;
	}
}

bool
transfer_finish(HttpTransfer *transfer, bool wait)
{
	while (transfer->state != TRANSFER_DELIVERED)
		if (transfer_wait(transfer->pool, wait ? -1 : 0) == NULL)
			return false;
	return true;
}

HttpResponse *
http_perform(HttpPool *pool, const HttpRequest *request)
{
	HttpTransfer *transfer = transfer_start(pool, request, NULL);

	(void) transfer_finish(transfer, true);
	return transfer_response(transfer);
}
