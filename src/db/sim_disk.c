#include "db/sim_disk.h"

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "db/sim_file.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* The folder: names, what they lead to, and what of that is certain.  sim_file.c has the
 * contents, sim_handle.c what SQLite sees of an open file. */

#define NAME           "sim_disk"
#define NOW_MS         INT64_C(1767603600000)   /* Monday, 5 January 2026, 09:00 UTC */
#define JULIAN         INT64_C(210866760000000) /* 1970 in milliseconds of the Julian day */
#define PATH_MAX_BYTES 512

static struct sim_disk *disk_of(sqlite3_vfs *v)
{
	return v->pAppData;
}

/* SplitMix64. */
uint64_t sim_chance(struct sim_disk *d)
{
	uint64_t z = d->chance += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

bool sim_disk_works(struct sim_disk *d)
{
	if (d->failed)
		return false;
	if (++d->operations == d->fail_after)
		d->failed = true; /* this one still came through */
	return true;
}

static struct sim_file *find(struct sim_disk *d, const char *name)
{
	for (struct link *l = d->files.next; l != &d->files; l = l->next) {
		struct sim_file *f = container_of(l, struct sim_file, link);

		if (!f->deleted && !strcmp(f->name, name))
			return f;
	}
	return NULL;
}

static struct sim_file *create(struct sim_disk *d, const char *name)
{
	struct sim_file *f = sim_file_new(name);

	list_append(&d->files, &f->link);
	return f;
}

static int vfs_open(
    sqlite3_vfs *v, sqlite3_filename path, sqlite3_file *out, int flags, int *out_flags)
{
	struct sim_disk *d = disk_of(v);
	struct sim_file *f = path ? find(d, path) : NULL;

	out->pMethods = NULL;
	if (d->failed)
		return SQLITE_IOERR;
	if (f && (flags & SQLITE_OPEN_EXCLUSIVE) && (flags & SQLITE_OPEN_CREATE))
		return SQLITE_CANTOPEN;
	if (!f && path && !(flags & SQLITE_OPEN_CREATE))
		return SQLITE_CANTOPEN;
	if (!f)
		f = create(d, path ? path : "");
	if (!path || flags & SQLITE_OPEN_DELETEONCLOSE)
		f->deleted = f->certain = true;
	sim_handle_open(out, d, f);
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static void drop_certainly(struct sim_file *f)
{
	f->certain = true;
	sim_file_drop_unused(f);
}

void sim_disk_sync_folder(struct sim_disk *d)
{
	struct link *next;

	for (struct link *l = d->files.next; l != &d->files; l = next) {
		next = l->next;
		drop_certainly(container_of(l, struct sim_file, link));
	}
}

static int vfs_delete(sqlite3_vfs *v, const char *path, int sync_folder)
{
	struct sim_disk *d = disk_of(v);
	struct sim_file *f = find(d, path);

	if (!sim_disk_works(d))
		return SQLITE_IOERR_DELETE;
	if (!f)
		return SQLITE_IOERR_DELETE_NOENT;
	f->deleted = true;
	if (sync_folder)
		sim_disk_sync_folder(d);
	else if (!f->certain)
		drop_certainly(f); /* a name that never reached the folder cannot come back */
	else
		f->certain = false;
	return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *v, const char *path, int flags, int *yes)
{
	struct sim_disk *d = disk_of(v);
	const struct sim_file *f = find(d, path);

	if (d->failed)
		return SQLITE_IOERR_ACCESS;
	/* as the unix VFS: an empty file does not count as there */
	*yes = f && (flags != SQLITE_ACCESS_EXISTS || f->now.size > 0);
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *v, const char *path, int n, char *out)
{
	(void)v;
	if (strlen(path) >= (size_t)n)
		return SQLITE_CANTOPEN;
	strcpy(out, path);
	return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *v, int n, char *out)
{
	for (int i = 0; i < n; i++)
		out[i] = (char)sim_chance(disk_of(v));
	return n;
}

static int vfs_sleep(sqlite3_vfs *v, int us)
{
	(void)v;
	return us;
}

static int vfs_time_ms(sqlite3_vfs *v, sqlite3_int64 *out)
{
	(void)v;
	*out = JULIAN + NOW_MS;
	return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *v, double *out)
{
	(void)v;
	*out = (double)(JULIAN + NOW_MS) / 86400000.0;
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *v, int n, char *out)
{
	(void)v;
	(void)n;
	(void)out;
	return 0;
}

static const sqlite3_vfs methods = {
	.iVersion = 2,
	.mxPathname = PATH_MAX_BYTES,
	.zName = NAME,
	.xOpen = vfs_open,
	.xDelete = vfs_delete,
	.xAccess = vfs_access,
	.xFullPathname = vfs_full_path,
	.xRandomness = vfs_randomness,
	.xSleep = vfs_sleep,
	.xCurrentTime = vfs_time,
	.xGetLastError = vfs_last_error,
	.xCurrentTimeInt64 = vfs_time_ms,
};

struct sim_disk *sim_disk_new(uint64_t seed)
{
	struct sim_disk *d = mem_new(struct sim_disk);

	if (sqlite3_vfs_find(NAME))
		bug("two simulated disks at once");
	list_init(&d->files);
	d->chance = seed;
	d->fail_after = -1;
	d->before = sqlite3_vfs_find(NULL);
	d->vfs = methods;
	d->vfs.szOsFile = (int)sim_handle_size();
	d->vfs.pAppData = d;
	if (sqlite3_vfs_register(&d->vfs, 1) != SQLITE_OK)
		bug("SQLite refuses the simulated disk");
	return d;
}

void sim_disk_free(struct sim_disk *d)
{
	sqlite3_vfs_unregister(&d->vfs);
	sqlite3_vfs_register(d->before, 1);
	while (!list_empty(&d->files)) {
		struct sim_file *f = container_of(d->files.next, struct sim_file, link);

		if (f->handles)
			bug("%s is still open on the simulated disk", f->name);
		sim_file_free(f);
	}
	free(d);
}

void sim_disk_fail_after(struct sim_disk *d, int64_t operations)
{
	d->fail_after = d->operations + operations;
	d->failed = operations == 0;
}

bool sim_disk_failed(const struct sim_disk *d)
{
	return d->failed;
}

/* The folder after the cut.  Names that were certain stay; a new one is there or not; a deleted
 * one may be back, but only where no new file has taken its name for good. */
static void decide_names(struct sim_disk *d)
{
	for (struct link *l = d->files.next; l != &d->files; l = l->next) {
		struct sim_file *f = container_of(l, struct sim_file, link);

		f->back = f->deleted && !f->certain;
		if (!f->deleted && !f->certain)
			f->deleted = sim_chance(d) & 1;
	}
	for (struct link *l = d->files.next; l != &d->files; l = l->next) {
		struct sim_file *f = container_of(l, struct sim_file, link);

		if (f->back && !find(d, f->name))
			f->deleted = sim_chance(d) & 1;
	}
}

void sim_disk_crash(struct sim_disk *d, uint64_t seed)
{
	d->chance = seed;
	decide_names(d);
	for (struct link *l = d->files.next; l != &d->files; l = l->next)
		sim_file_crash(container_of(l, struct sim_file, link), d);
	sim_disk_sync_folder(d);
	d->lives++;
	d->failed = false;
	d->fail_after = -1;
}
