/*
 * file.c
 *	  The object store in files below dataops.file_root.
 *
 * Every folder on the way is opened by itself without following links, so that nothing outside of
 * the root is reached whatever lies there.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "store/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "catalog/option.h"
#include "core/fault.h"
#include "core/guc.h"

#define READ_BYTES		65536
#define MAX_DEPTH		32		/* folders below the root that a listing enters */

void
file_work_close(int *descriptor)
{
	if (*descriptor >= 0)
	{
		close(*descriptor);
		ReleaseExternalFD();
	}
	*descriptor = -1;
}

static void
work_release(void *arg)
{
	FileWork   *work = arg;

	file_work_close(&work->file);
	file_work_close(&work->folder);
}

FileWork *
file_work_begin(void)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "dataops file",
												 ALLOCSET_SMALL_SIZES);
	FileWork   *work = MemoryContextAllocZero(memory, sizeof(FileWork));

	work->memory = memory;
	work->caller = MemoryContextSwitchTo(memory);
	work->folder = work->file = -1;
	work->release.func = work_release;
	work->release.arg = work;
	MemoryContextRegisterResetCallback(memory, &work->release);
	return work;
}

StoreResult
file_work_end(FileWork *work)
{
	StoreResult result = work->result;

	MemoryContextSwitchTo(work->caller);
	if (result.reason != NULL)
		result.reason = pstrdup(result.reason);
	MemoryContextDelete(work->memory);
	return result;
}

bool
file_work_fail(FileWork *work, const char *what)
{
	int			code = errno;

	work->result.outcome = STORE_FAILED;
	work->result.retry = code == ENOSPC || code == EDQUOT || code == EIO || code == EMFILE ||
		code == ENFILE;
	work->result.reason = psprintf("could not %s: %s", what, strerror(code));
	return false;
}

int
file_work_open(int folder, const char *name, int flags)
{
	int			descriptor;

	if (!AcquireExternalFD())
		return -1;
	descriptor = openat(folder, name, flags | O_CLOEXEC, 0600);
	if (descriptor < 0)
		ReleaseExternalFD();
	return descriptor;
}

/* ---- opening of the store ---- */

static bool
is_within(const char *path, const char *folder)
{
	size_t		length = strlen(folder);

	return strcmp(folder, "/") == 0 ||
		(strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

static void
check_apart(const char *root, const char *server_folder, const char *what)
{
	char	   *resolved = realpath(server_folder, NULL);
	bool		apart;

	if (resolved == NULL)
		return;
	apart = !is_within(root, resolved) && !is_within(resolved, root);
	free(resolved);
	if (!apart)
		ereport(ERROR,
				errcode(ERRCODE_CONFIG_FILE_ERROR),
				errmsg("dataops.file_root must not overlap %s", what));
}

/* The root without links, after it was found to be apart from the server's own files. */
static char *
checked_root(const char *server)
{
	char	   *resolved;
	char	   *root;
	DIR		   *folder;
	struct dirent *entry;

	if (*guc_file_root == '\0')
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("connection \"%s\" cannot be used: this server has no file store", server),
				errhint("A superuser can set dataops.file_root to a folder in the server's "
						"configuration."));
	resolved = guc_file_root[0] == '/' ? realpath(guc_file_root, NULL) : NULL;
	if (resolved == NULL)
		ereport(ERROR,
				errcode(ERRCODE_CONFIG_FILE_ERROR),
				errmsg("dataops.file_root is not a folder that the server can open"));
	root = pstrdup(resolved);
	free(resolved);
	check_apart(root, DataDir, "the data directory");
	folder = AllocateDir("pg_tblspc");
	while ((entry = ReadDir(folder, "pg_tblspc")) != NULL)
		if (entry->d_name[0] != '.')
			check_apart(root, psprintf("%s/pg_tblspc/%s", DataDir, entry->d_name), "a tablespace");
	FreeDir(folder);
	return root;
}

static Store *
file_open(Connection *connection, StoreArea area, MemoryContext owner)
{
	const char *option = area == STORE_STAGING ? "staging_prefix" : "prefix";
	MemoryContext previous = MemoryContextSwitchTo(owner);
	FileStore  *store = palloc0(sizeof(FileStore));

	store->base.driver = &store_file_driver;
	store->base.server = pstrdup(connection->server);
	store->prefix = pstrdup(option_text(connection->options, option, ""));
	store->base.root = psprintf("file:%s%s", store->prefix, *store->prefix ? "/" : "");
	store->folder = checked_root(connection->server);
	MemoryContextSwitchTo(previous);
	return &store->base;
}

/* ---- the way to an object ---- */

/* Opens a folder below the one that is open, making it when wanted; the outer one is closed. */
static bool
enter_folder(FileWork *work, const char *name, bool create)
{
	int			inner = file_work_open(work->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (inner < 0 && errno == ENOENT && create)
	{
		if (mkdirat(work->folder, name, 0700) != 0 && errno != EEXIST)
			return false;
		if (pg_fsync(work->folder) != 0)
			return false;
		inner = file_work_open(work->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	}
	if (inner < 0)
		return false;
	file_work_close(&work->folder);
	work->folder = inner;
	return true;
}

static bool
enter_folders(FileWork *work, const char *path, size_t length, bool create)
{
	while (length > 0)
	{
		size_t		segment = Min(strcspn(path, "/"), length);

		if (segment > 0 && !enter_folder(work, pnstrdup(path, segment), create))
			return false;
		path += Min(segment + 1, length);
		length -= Min(segment + 1, length);
	}
	return true;
}

bool
file_work_find(FileWork *work, FileStore *store, const char *name, bool create)
{
	const char *slash = strrchr(name, '/');

	store_check_name(name);
	work->name = pstrdup(slash != NULL ? slash + 1 : name);
	work->folder = file_work_open(AT_FDCWD, store->folder, O_RDONLY | O_DIRECTORY);
	if (work->folder < 0 ||
		!enter_folders(work, store->prefix, strlen(store->prefix), create) ||
		!enter_folders(work, name, slash != NULL ? slash - name : 0, create))
	{
		if (errno == ENOENT && !create)
		{
			work->result.outcome = STORE_ABSENT;
			return false;
		}
		return file_work_fail(work, "open the object's folder");
	}
	return true;
}

/* ---- the operations ---- */

bool
file_work_measure(FileWork *work)
{
	char	   *bytes = palloc(READ_BYTES);
	pg_crc32c	crc;
	ssize_t		length;
	struct stat about;

	work->file = file_work_open(work->folder, work->name, O_RDONLY | O_NOFOLLOW);
	if (work->file < 0 && errno == ENOENT)
	{
		work->result.outcome = STORE_ABSENT;
		return false;
	}
	if (work->file < 0 || fstat(work->file, &about) != 0)
		return file_work_fail(work, "open the object");
	if (!S_ISREG(about.st_mode))
	{
		errno = EINVAL;
		return file_work_fail(work, "read what is not a file");
	}
	INIT_CRC32C(crc);
	while ((length = read(work->file, bytes, READ_BYTES)) > 0)
	{
		COMP_CRC32C(crc, bytes, length);
		work->result.size += length;
		CHECK_FOR_INTERRUPTS();
	}
	if (length < 0)
		return file_work_fail(work, "read the object");
	FIN_CRC32C(crc);
	work->result.crc32c = crc;
	file_work_close(&work->file);
	return true;
}

static StoreResult
file_stat(Store *base, const char *name)
{
	FileWork   *work = file_work_begin();

	if (file_work_find(work, (FileStore *) base, name, false))
		(void) file_work_measure(work);
	return file_work_end(work);
}

/* Links the object of "from" to its name in "to"; both lie below one root. */
static void
link_object(FileWork *from, FileWork *to)
{
	if (linkat(from->folder, from->name, to->folder, to->name, 0) != 0)
	{
		if (errno == ENOENT)
			to->result.outcome = STORE_ABSENT;
		else if (errno != EEXIST)
			(void) file_work_fail(to, "copy the object");
		else if (file_work_measure(from) && file_work_measure(to))
			to->result.outcome = from->result.size == to->result.size &&
				from->result.crc32c == to->result.crc32c ? STORE_EXISTS_SAME : STORE_EXISTS_OTHER;
		return;
	}
	if (pg_fsync(to->folder) != 0)
		(void) file_work_fail(to, "write the object's folder to disk");
	else
		(void) file_work_measure(to);
}

static StoreResult
file_copy_if_absent(Store *from, Store *to, const char *name)
{
	FileWork   *target = file_work_begin();
	FileWork   *origin = file_work_begin();
	StoreResult found;

	if (file_work_find(origin, (FileStore *) from, name, false) &&
		file_work_find(target, (FileStore *) to, name, true))
		link_object(origin, target);
	else if (target->folder < 0)
		target->result = origin->result;
	found = file_work_end(origin);
	if (target->result.outcome == STORE_DONE && found.outcome != STORE_DONE)
		target->result = found;
	return file_work_end(target);
}

static StoreResult
file_get(Store *base, const char *name, Spool *content)
{
	FileWork   *work = file_work_begin();
	char	   *bytes = palloc(READ_BYTES);
	ssize_t		length = 0;

	if (file_work_find(work, (FileStore *) base, name, false) && file_work_measure(work))
	{
		work->file = file_work_open(work->folder, work->name, O_RDONLY | O_NOFOLLOW);
		while (work->file >= 0 && (length = read(work->file, bytes, READ_BYTES)) > 0)
		{
			spool_write(content, bytes, length);
			CHECK_FOR_INTERRUPTS();
		}
		if (work->file < 0 || length < 0)
			(void) file_work_fail(work, "read the object");
	}
	return file_work_end(work);
}

static StoreResult
file_remove(Store *base, const char *name)
{
	FileWork   *work = file_work_begin();

	if (file_work_find(work, (FileStore *) base, name, false))
	{
		(void) unlinkat(work->folder, file_aside(work, NULL), 0);
		if (unlinkat(work->folder, work->name, 0) != 0)
		{
			if (errno == ENOENT)
				work->result.outcome = STORE_ABSENT;
			else
				(void) file_work_fail(work, "remove the object");
		}
		else if (pg_fsync(work->folder) != 0)
			(void) file_work_fail(work, "write the object's folder to disk");
	}
	return file_work_end(work);
}

/* ---- folders ---- */

/* A folder of objects, for what reads folders by their path. */
static char *
path_of(const FileStore *store, const char *folder)
{
	return psprintf("%s%s%s%s%s", store->folder, *store->prefix ? "/" : "", store->prefix,
					*folder ? "/" : "", folder);
}

/*
 * The name of an object in a folder.  Finding that one first makes sure that the way to the folder
 * is free of links, as for every other operation.
 */
static char *
name_in(const char *folder)
{
	return psprintf("%s%sx", folder, *folder ? "/" : "");
}

/* ---- what a mark tells ---- */

/* The files of a folder whose names end so. */
static List *
names_ending(const char *path, const char *end)
{
	DIR		   *folder = AllocateDir(path);
	List	   *names = NIL;
	struct dirent *entry;

	while ((entry = ReadDir(folder, path)) != NULL)
	{
		size_t		length = strlen(entry->d_name);

		if (length > strlen(end) && strcmp(entry->d_name + length - strlen(end), end) == 0)
			names = lappend(names, pstrdup(entry->d_name));
	}
	FreeDir(folder);
	return names;
}

/* The mark stands in the names of what is unfinished; put_pump() gives no other names. */
static StoreResult
file_remove_marked(Store *base, const char *prefix, const char *mark)
{
	FileStore  *store = (FileStore *) base;
	FileWork   *work = file_work_begin();
	const char *slash = strrchr(prefix, '/');
	char	   *folder = pnstrdup(prefix, slash != NULL ? slash - prefix : 0);
	ListCell   *cell;

	if (!file_work_find(work, store, name_in(folder), false))
		return file_work_end(work);
	foreach(cell, names_ending(path_of(store, folder), file_aside_end(mark)))
		if (unlinkat(work->folder, lfirst(cell), 0) != 0 && errno != ENOENT)
			(void) file_work_fail(work, "remove an unfinished object");
	return file_work_end(work);
}

/* ---- listing ---- */

/* Adds the objects at and below "path" (resolved, without links); "name" is its object prefix. */
static void
list_folder(const char *path, const char *name, int depth, List **objects)
{
	DIR		   *folder = AllocateDir(path);
	struct dirent *entry;

	if (folder == NULL && errno == ENOENT)
		return;
	while ((entry = ReadDir(folder, path)) != NULL)
	{
		char	   *inner = psprintf("%s/%s", path, entry->d_name);
		char	   *inner_name = psprintf("%s%s%s", name, *name ? "/" : "", entry->d_name);
		struct stat about;

		CHECK_FOR_INTERRUPTS();
		if (entry->d_name[0] == '.' || lstat(inner, &about) != 0)
			continue;
		if (S_ISDIR(about.st_mode) && depth < MAX_DEPTH)
			list_folder(inner, inner_name, depth + 1, objects);
		else if (S_ISREG(about.st_mode))
		{
			StoreObject *object = palloc0(sizeof(StoreObject));

			object->name = inner_name;
			object->size = about.st_size;
			*objects = lappend(*objects, object);
		}
	}
	FreeDir(folder);
}

static List *
file_list(Store *base, const char *prefix)
{
	FileStore  *store = (FileStore *) base;
	FileWork   *work = file_work_begin();
	List	   *objects = NIL;
	bool		found;

	if (*prefix != '\0')
		store_check_name(prefix);
	found = file_work_find(work, store, name_in(prefix), false);
	if (file_work_end(work).outcome == STORE_FAILED)
		ereport(ERROR,
				errcode_for_file_access(),
				errmsg("could not list the objects of connection \"%s\"", base->server));
	if (found)
		list_folder(path_of(store, prefix), prefix, 0, &objects);
	list_sort(objects, store_compare_objects);
	return objects;
}

const StoreDriver store_file_driver = {
	.wrapper = "dataops_file",
	.open = file_open,
	.put_begin = file_put_begin,
	.put_pump = file_put_pump,
	.put_finish = file_put_finish,
	.copy_if_absent = file_copy_if_absent,
	.get = file_get,
	.stat = file_stat,
	.remove = file_remove,
	.remove_marked = file_remove_marked,
	.list = file_list
};
