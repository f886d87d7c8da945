/*
 * spool.h
 *	  Bytes written once and read once or more: in memory up to a threshold, then in a temporary
 *	  file that outlives transactions. Memory stays flat however long the sequence is.
 *
 *	  The memory of a spool that is gone serves those that come, as long as there are any or it
 *	  is kept: taken from the system and given back for each page it would cost more than what is
 *	  written into it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SPOOL_H
#define DATAOPS_SPOOL_H

#include "postgres.h"

#define SPOOL_MEMORY	((size_t) 4 * 1024 * 1024)	/* bytes kept in memory before a file is made */

typedef struct Spool Spool;

/* Megabytes that all spools of this process together may keep in files. */
extern int	spool_limit_mb;

/*
 * An empty spool. It, its memory and its file live until "owner" is reset or deleted.
 */
extern Spool *spool_create(MemoryContext owner);

/* Memory of spools that are gone is kept until "owner" is reset or deleted. */
extern void spool_keep_memory(MemoryContext owner);

/* About so many bytes will come: memory for them is taken at once, not bit by bit. */
extern void spool_expect(Spool *spool, uint64 bytes);

/* What to do when this one meets the limit, instead of the general hint; the text must stay. */
extern void spool_set_hint(Spool *spool, const char *hint);

/*
 * Adds bytes at the end. Not allowed once reading has begun. Throws 54000 over spool_limit_mb and
 * an I/O error when the disk refuses; the spool is then good for nothing but release.
 */
extern void spool_write(Spool *spool, const char *bytes, size_t length);

/* Nothing more will be written: what is in a file takes no memory until it is read. */
extern void spool_end(Spool *spool);

/* From here on (again) reading, from the first byte. Must be called before the first read. */
extern void spool_rewind(Spool *spool);

/* The same from the byte at "position" on, which is at most the size; may jump back and forth. */
extern void spool_seek(Spool *spool, uint64 position);

/*
 * The next run of bytes: true and *bytes, *length (> 0), or false at the end. The bytes belong to
 * the spool and are good until its next call. What fits in memory comes as one run, uncopied.
 */
extern bool spool_read(Spool *spool, const char **bytes, size_t *length);

/* Bytes written so far. */
extern uint64 spool_size(const Spool *spool);

#endif
