/*
 * file.h
 *	  What the parts of the file store share: file.c (the store, reading and removing) and
 *	  file_put.c (putting).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_FILE_H
#define DATAOPS_FILE_H

#include "postgres.h"

#include "store/store.h"

typedef struct FileStore
{
	Store		base;
	char	   *folder;			/* resolved */
	char	   *prefix;			/* "" or "a/b" */
} FileStore;

/* The descriptors of one operation, closed when its context goes. */
typedef struct FileWork
{
	MemoryContextCallback release;
	MemoryContext memory;
	MemoryContext caller;
	int			folder;
	int			file;
	char	   *name;			/* of the object within the folder */
	StoreResult result;
} FileWork;

/* Begins an operation, in a memory context that becomes the current one. */
extern FileWork *file_work_begin(void);

/* Ends it: the result, in what was the current context. */
extern StoreResult file_work_end(FileWork *work);

/* Notes the failure that errno tells, of doing "what"; returns false. */
extern bool file_work_fail(FileWork *work, const char *what);

extern int	file_work_open(int folder, const char *name, int flags);
extern void file_work_close(int *descriptor);

/* Opens the folder of an object, made when wanted, and notes the object's name in it. */
extern bool file_work_find(FileWork *work, FileStore *store, const char *name, bool create);

/* Size and checksum of an object, by reading it. */
extern bool file_work_measure(FileWork *work);

/* The name that the object has in its folder until it is whole; put with "mark", or NULL. */
extern char *file_aside(const FileWork *work, const char *mark);

/* Ends the names of all that was put with the mark and is not whole. */
extern char *file_aside_end(const char *mark);

extern StorePut *file_put_begin(Store *store, const char *name, const StoreContent *content);
extern StorePutState file_put_pump(StorePut *put);
extern StoreResult file_put_finish(StorePut *put);

#endif
