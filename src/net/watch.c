/*
 * watch.c
 *	  A wait event set that follows a changing list of sockets.
 *
 *	  A set can add and change sockets but not remove them. So a kept connection that nobody waits
 *	  on just now stays in the set; only when a socket was closed, or stirs unwanted, is the set
 *	  built anew.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/watch.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#define FIRST_CAPACITY	32

typedef struct WatchedSocket
{
	uint32		wanted;			/* WL_SOCKET_* that the library asks for */
	uint32		in_set;			/* what the set waits for; 0 = not in the set */
	int			position;		/* in the set */
	bool		ours;			/* we shall be told of its closing */
	bool		changed;		/* listed in "changed" */
} WatchedSocket;

struct Watch
{
	MemoryContext owner;
	MemoryContextCallback release;
	WaitEventSet *set;
	int			capacity;		/* of the set, sockets only */
	int			nin_set;
	bool		stale;			/* the set holds sockets that are closed or stir unwanted */
	/* malloc'ed: written within callbacks; both have room for "size" */
	WatchedSocket *sockets;		/* by descriptor */
	pgsocket   *changed;
	int			nchanged;
	int			size;
	int			nwanted;
};

static void
watch_release(void *arg)
{
	Watch	   *watch = arg;

	if (watch->set != NULL)
		FreeWaitEventSet(watch->set);
	watch->set = NULL;
	free(watch->sockets);
	free(watch->changed);
	watch->sockets = NULL;
	watch->changed = NULL;
	watch->size = 0;
}

Watch *
watch_create(MemoryContext owner)
{
	Watch	   *watch = MemoryContextAllocZero(owner, sizeof(Watch));

	watch->owner = owner;
	watch->release.func = watch_release;
	watch->release.arg = watch;
	MemoryContextRegisterResetCallback(owner, &watch->release);
	return watch;
}

/* Room for this descriptor. */
static bool
watch_grow(Watch *watch, pgsocket socket)
{
	int			size = Max(watch->size, 64);
	WatchedSocket *sockets;
	pgsocket   *changed;

	if (socket < watch->size)
		return true;
	while (size <= socket)
		size *= 2;
	sockets = realloc(watch->sockets, size * sizeof(WatchedSocket));
	if (sockets == NULL)
		return false;
	watch->sockets = sockets;
	changed = realloc(watch->changed, size * sizeof(pgsocket));
	if (changed == NULL)
		return false;
	watch->changed = changed;
	memset(sockets + watch->size, 0, (size - watch->size) * sizeof(WatchedSocket));
	watch->size = size;
	return true;
}

bool
watch_note(Watch *watch, pgsocket socket, uint32 events)
{
	WatchedSocket *watched;

	if (!watch_grow(watch, socket))
		return false;
	watched = &watch->sockets[socket];
	watch->nwanted += (events != 0) - (watched->wanted != 0);
	watched->wanted = events;
	if (events == 0 && !watched->ours && watched->in_set != 0)
		watch->stale = true;
	if (!watched->changed)
	{
		watched->changed = true;
		watch->changed[watch->nchanged++] = socket;
	}
	return true;
}

bool
watch_opened(Watch *watch, pgsocket socket)
{
	if (!watch_grow(watch, socket))
		return false;
	watch->sockets[socket].ours = true;
	return true;
}

void
watch_closed(Watch *watch, pgsocket socket)
{
	WatchedSocket *watched;

	if (socket >= watch->size)
		return;
	watched = &watch->sockets[socket];
	watch->nwanted -= watched->wanted != 0;
	watched->wanted = 0;
	watched->ours = false;
	if (watched->in_set != 0)
		watch->stale = true;
}

static void
set_add(Watch *watch, pgsocket socket)
{
	WatchedSocket *watched = &watch->sockets[socket];

	watched->position = AddWaitEventToSet(watch->set, watched->wanted, socket, NULL, NULL);
	watched->in_set = watched->wanted;
	watch->nin_set++;
}

static void
set_build(Watch *watch)
{
	MemoryContext caller;

	if (watch->set != NULL)
		FreeWaitEventSet(watch->set);
	watch->set = NULL;
	watch->stale = true;		/* until it is complete: an error may come between */
	watch->nin_set = 0;
	while (watch->capacity < watch->nwanted + watch->nwanted / 2)
		watch->capacity = Max(watch->capacity * 2, FIRST_CAPACITY);
	watch->capacity = Max(watch->capacity, FIRST_CAPACITY);
	caller = MemoryContextSwitchTo(watch->owner);
	watch->set = compat_wait_event_set(watch->capacity + 2);
	MemoryContextSwitchTo(caller);
	AddWaitEventToSet(watch->set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(watch->set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (pgsocket socket = 0; socket < watch->size; socket++)
	{
		watch->sockets[socket].changed = false;
		watch->sockets[socket].in_set = 0;
		if (watch->sockets[socket].wanted != 0)
			set_add(watch, socket);
	}
	watch->nchanged = 0;
	watch->stale = false;
}

/* Brings the set up to date by its changes, or sees that it must be built anew. */
static bool
set_follow(Watch *watch)
{
	if (watch->set == NULL || watch->stale)
		return false;
	while (watch->nchanged > 0)
	{
		pgsocket	socket = watch->changed[watch->nchanged - 1];
		WatchedSocket *watched = &watch->sockets[socket];
		/* one that nobody wants now is kept, but not for writing: it would be ready at once */
		uint32		events = watched->wanted != 0 ? watched->wanted : WL_SOCKET_READABLE;

		if (watched->in_set == 0 && watched->wanted != 0)
		{
			if (watch->nin_set == watch->capacity)
				return false;
			set_add(watch, socket);
		}
		else if (watched->in_set != 0 && watched->in_set != events)
		{
			ModifyWaitEvent(watch->set, watched->position, events, NULL);
			watched->in_set = events;
		}
		watched->changed = false;
		watch->nchanged--;
	}
	return true;
}

int
watch_wait(Watch *watch, long timeout_ms, WaitEvent *ready, int nready, uint32 wait_event)
{
	int			nevents;
	int			nsockets = 0;

	if (!set_follow(watch))
		set_build(watch);
	nevents = WaitEventSetWait(watch->set, timeout_ms, ready, nready, wait_event);
	for (int i = 0; i < nevents; i++)
	{
		if (ready[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
		else if (watch->sockets[ready[i].fd].wanted == 0)
			watch->stale = true;	/* a kept connection that the other side closed */
		else
			ready[nsockets++] = ready[i];
	}
	return nsockets;
}
