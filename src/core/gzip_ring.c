/*
 * gzip_ring.c
 *	  The ring of blocks that two processes compress.
 *
 *	  A slot goes from EMPTY to WAITING (the caller filled it) to TAKEN (one of both compresses it)
 *	  to DONE (its member is there) to EMPTY (the caller stored that).  Only from WAITING to TAKEN
 *	  do they compete; all other steps belong to one of them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/gzip_ring.h"

#include "access/xact.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "core/compat.h"
#include "core/fault.h"
#include "core/gzip.h"

#define SLOTS			4
#define SLOT_INPUT		(1024 * 1024 + 128 * 1024)	/* what is longer the caller does by itself */
#define HELPED_FROM		4		/* blocks without a helper: less is not worth a process */

typedef enum SlotState
{
	SLOT_EMPTY,
	SLOT_WAITING,
	SLOT_TAKEN,
	SLOT_DONE
} SlotState;

typedef struct Slot
{
	pg_atomic_uint32 state;
	size_t		length;			/* of the input */
	size_t		member;			/* length of the output */
} Slot;

/* In shared memory, followed by input and output of each slot. */
typedef struct SharedRing
{
	int			level;
	size_t		output;			/* room for a member */
	PGPROC	   *caller;
	PGPROC	   *helper;			/* NULL before it runs */
	pg_atomic_uint32 closed;	/* the caller has gone */
	pg_atomic_uint32 oldest;	/* slot to look at first */
	Slot		slots[SLOTS];
} SharedRing;

struct GzipRing
{
	MemoryContextCallback release;
	MemoryContext memory;
	GzipStore	store;
	void	   *arg;
	GzipGuard	guard;			/* NULL: no helper is to be tried for by itself */
	bool		refused;		/* one could not be had */
	GzipWriter *writer;
	int			level;
	char	   *output;			/* of what does not go through the ring; NULL at first */
	int			unhelped;		/* blocks until a helper is worth while */
	dsm_segment *segment;		/* NULL: there is no ring */
	SharedRing *shared;
	BackgroundWorkerHandle *helper;
	uint64		head;			/* blocks put into slots */
	uint64		tail;			/* of these stored */
	int64		tags[SLOTS];
};

PGDLLEXPORT void dataops_gzip_helper_main(Datum segment);

/* ---- both ---- */

static uint32
wait_event_ring(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = compat_wait_event("DataopsGzipRing");
	return event;
}

static char *
slot_input(SharedRing *shared, int slot)
{
	return (char *) shared + MAXALIGN(sizeof(SharedRing)) +
		slot * (SLOT_INPUT + shared->output);
}

static char *
slot_output(SharedRing *shared, int slot)
{
	return slot_input(shared, slot) + SLOT_INPUT;
}

/* Claims the oldest slot that waits; -1 when none does. */
static int
claim(SharedRing *shared)
{
	uint32		oldest = pg_atomic_read_u32(&shared->oldest);

	for (uint32 i = 0; i < SLOTS; i++)
	{
		int			slot = (oldest + i) % SLOTS;
		uint32		expected = SLOT_WAITING;

		if (pg_atomic_compare_exchange_u32(&shared->slots[slot].state, &expected, SLOT_TAKEN))
			return slot;
	}
	return -1;
}

static void
compress(SharedRing *shared, int slot, GzipWriter *writer)
{
	shared->slots[slot].member = gzip_member(writer, slot_input(shared, slot),
											 shared->slots[slot].length,
											 slot_output(shared, slot), shared->output);
	pg_write_barrier();
	pg_atomic_write_u32(&shared->slots[slot].state, SLOT_DONE);
}

/* ---- the helper ---- */

void
dataops_gzip_helper_main(Datum main_arg)
{
	dsm_segment *segment;
	SharedRing *shared;
	GzipWriter *writer;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "dataops gzip helper");
	segment = dsm_attach(DatumGetUInt32(main_arg));
	if (segment == NULL)
		return;					/* the caller has gone already */
	shared = dsm_segment_address(segment);
	writer = gzip_writer_create(TopMemoryContext, shared->level);
	shared->helper = MyProc;
	pg_memory_barrier();		/* whoever fills a slot from now on wakes us */
	while (pg_atomic_read_u32(&shared->closed) == 0)
	{
		int			slot = claim(shared);

		if (slot >= 0)
		{
			FAULT_POINT("gzip_helper_claimed");
			compress(shared, slot, writer);
			SetLatch(&shared->caller->procLatch);
		}
		else
		{
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, wait_event_ring());
			ResetLatch(MyLatch);
		}
		CHECK_FOR_INTERRUPTS();
	}
}

/* ---- the caller: beginning and end ---- */

static void
ring_close(dsm_segment *segment, Datum arg)
{
	SharedRing *shared = dsm_segment_address(segment);

	pg_atomic_write_u32(&shared->closed, 1);
	pg_memory_barrier();
	if (shared->helper != NULL)
		SetLatch(&shared->helper->procLatch);
}

static void
ring_release(void *arg)
{
	GzipRing   *ring = arg;

	if (ring->segment != NULL)
		dsm_detach(ring->segment);
	ring->segment = NULL;
}

GzipRing *
gzip_ring_create(MemoryContext owner, int level, GzipStore store, void *arg)
{
	GzipRing   *ring = MemoryContextAllocZero(owner, sizeof(GzipRing));

	ring->release.func = ring_release;
	ring->release.arg = ring;
	MemoryContextRegisterResetCallback(owner, &ring->release);
	ring->memory = owner;
	ring->store = store;
	ring->arg = arg;
	ring->level = level;
	ring->writer = gzip_writer_create(owner, level);
	return ring;
}

void
gzip_ring_allow_helper(GzipRing *ring, GzipGuard guard)
{
	ring->guard = guard;
	ring->unhelped = HELPED_FROM;
}

static SharedRing *
shared_init(dsm_segment *segment, int level, size_t output)
{
	SharedRing *shared = dsm_segment_address(segment);

	memset(shared, 0, sizeof(SharedRing));
	shared->level = level;
	shared->output = output;
	shared->caller = MyProc;
	pg_atomic_init_u32(&shared->closed, 0);
	pg_atomic_init_u32(&shared->oldest, 0);
	for (int i = 0; i < SLOTS; i++)
		pg_atomic_init_u32(&shared->slots[i].state, SLOT_EMPTY);
	on_dsm_detach(segment, ring_close, (Datum) 0);
	return shared;
}

static bool
launch_helper(GzipRing *ring)
{
	BackgroundWorker worker = {0};

	strcpy(worker.bgw_name, "dataops gzip helper");
	strcpy(worker.bgw_type, "dataops gzip helper");
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_CLASS_PARALLEL;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strcpy(worker.bgw_library_name, "dataops");
	strcpy(worker.bgw_function_name, "dataops_gzip_helper_main");
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(ring->segment));
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, &ring->helper);
}

static void
start(void *arg)
{
	GzipRing   *ring = arg;
	MemoryContext previous = MemoryContextSwitchTo(ring->memory);
	size_t		output = MAXALIGN(gzip_member_bound(SLOT_INPUT));

	ring->segment = dsm_create(MAXALIGN(sizeof(SharedRing)) + SLOTS * (SLOT_INPUT + output),
							   DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (ring->segment != NULL)
	{
		dsm_pin_mapping(ring->segment);		/* until the release */
		FAULT_POINT("gzip_ring_begun");
		ring->head = ring->tail = 0;
		ring->shared = shared_init(ring->segment, ring->level, output);
		if (!launch_helper(ring))
			ring_release(ring);
	}
	MemoryContextSwitchTo(previous);
}

/* Within a parallel query no subtransaction can be had, and its workers are busy. */
void
gzip_ring_start_helper(GzipRing *ring, GzipGuard guard)
{
	ErrorData  *error;

	if (ring->segment != NULL || ring->refused || max_parallel_workers_per_gather == 0 ||
		IsInParallelMode())
		return;
	error = guard(start, ring);
	if (error != NULL)
	{
		ring_release(ring);
		ereport(DEBUG1, errmsg("compressing without a helper: %s", error->message));
	}
	ring->refused = ring->segment == NULL;
}

void
gzip_ring_end_helper(GzipRing *ring)
{
	Assert(ring->tail == ring->head);
	ring_release(ring);
}

static void
start_if_worth(GzipRing *ring)
{
	GzipGuard	guard = ring->guard;

	if (guard == NULL || ring->unhelped-- > 0)
		return;
	ring->guard = NULL;
	gzip_ring_start_helper(ring, guard);
}

/* ---- the caller: blocks ---- */

static SlotState
slot_state(GzipRing *ring, uint64 block)
{
	SlotState	state = pg_atomic_read_u32(&ring->shared->slots[block % SLOTS].state);

	pg_read_barrier();
	return state;
}

static void
store_done(GzipRing *ring)
{
	while (ring->tail < ring->head && slot_state(ring, ring->tail) == SLOT_DONE)
	{
		int			slot = ring->tail % SLOTS;

		ring->store(ring->arg, slot_output(ring->shared, slot), ring->shared->slots[slot].member,
					ring->tags[slot]);
		pg_atomic_write_u32(&ring->shared->slots[slot].state, SLOT_EMPTY);
		ring->tail++;
		pg_atomic_write_u32(&ring->shared->oldest, ring->tail % SLOTS);
	}
}

/* The helper has what comes next: it says when it is done, or the server does when it died. */
static void
wait_for_helper(GzipRing *ring)
{
	pid_t		pid;

	if (GetBackgroundWorkerPid(ring->helper, &pid) == BGWH_STOPPED)
	{
		for (uint64 block = ring->tail; block < ring->head; block++)
			if (slot_state(ring, block) == SLOT_TAKEN)
				pg_atomic_write_u32(&ring->shared->slots[block % SLOTS].state, SLOT_WAITING);
		return;
	}
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, wait_event_ring());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Stores the oldest block, having done what there is to do meanwhile. */
static void
store_oldest(GzipRing *ring)
{
	uint64		oldest = ring->tail;

	for (;;)
	{
		int			slot;

		store_done(ring);
		if (ring->tail > oldest)
			return;
		slot = claim(ring->shared);
		if (slot >= 0)
			compress(ring->shared, slot, ring->writer);
		else
			wait_for_helper(ring);
	}
}

static void
fill_slot(GzipRing *ring, const char *bytes, size_t length, int64 tag)
{
	int			number = ring->head % SLOTS;
	Slot	   *slot = &ring->shared->slots[number];

	memcpy(slot_input(ring->shared, number), bytes, length);
	slot->length = length;
	ring->tags[number] = tag;
	ring->head++;
	pg_write_barrier();
	pg_atomic_write_u32(&slot->state, SLOT_WAITING);
	pg_memory_barrier();		/* a helper that does not see this is seen */
	if (ring->shared->helper != NULL)
		SetLatch(&ring->shared->helper->procLatch);
}

/* Room for a member of a block of usual length is kept for the next one. */
static void
compress_directly(GzipRing *ring, const char *bytes, size_t length, int64 tag)
{
	bool		kept = length <= SLOT_INPUT;
	size_t		room = gzip_member_bound(kept ? SLOT_INPUT : length);
	char	   *member = kept ? ring->output : NULL;

	if (member == NULL)
		member = MemoryContextAllocHuge(ring->memory, room);
	if (kept)
		ring->output = member;
	ring->store(ring->arg, member, gzip_member(ring->writer, bytes, length, member, room), tag);
	if (!kept)
		pfree(member);
}

void
gzip_ring_put(GzipRing *ring, const char *bytes, size_t length, int64 tag)
{
	CHECK_FOR_INTERRUPTS();
	start_if_worth(ring);
	if (ring->segment == NULL || length > SLOT_INPUT)
	{
		gzip_ring_finish(ring);
		compress_directly(ring, bytes, length, tag);
		return;
	}
	if (ring->head - ring->tail == SLOTS)
		store_oldest(ring);
	fill_slot(ring, bytes, length, tag);
	store_done(ring);
}

void
gzip_ring_collect(GzipRing *ring)
{
	if (ring->segment != NULL)
		store_done(ring);
}

void
gzip_ring_finish(GzipRing *ring)
{
	while (ring->tail < ring->head)
		store_oldest(ring);
}
