#include "base/mem.h"
#include "db/sim_file.h"

#include <stdlib.h>
#include <string.h>

/* An open file as SQLite sees it: bytes, the five levels of locking, and shared memory for the
 * index of a write-ahead log.  All connections are in one process, so a lock is a count. */

struct handle {
	sqlite3_file file; /* first: SQLite knows no more */
	struct sim_disk *disk;
	struct sim_file *of;
	int life, level;
	unsigned shared, exclusive; /* of the locks on shared memory */
	struct sim_shm *shm;        /* NULL until it is mapped */
};

static struct handle *handle_of(sqlite3_file *file)
{
	return container_of(file, struct handle, file);
}

/* Its disk had no power cut since it was opened, and has power now. */
static bool alive(const struct handle *h)
{
	return h->life == h->disk->lives && !h->disk->failed;
}

static bool may_change(struct handle *h)
{
	return alive(h) && sim_disk_works(h->disk);
}

static int file_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at)
{
	struct handle *h = handle_of(file);
	const struct sim_bytes *b = &h->of->now;
	size_t there = (size_t)at < b->size ? b->size - (size_t)at : 0, want = (size_t)n;

	if (!alive(h))
		return SQLITE_IOERR_READ;
	if (there >= want) {
		memcpy(out, b->data + at, want);
		return SQLITE_OK;
	}
	if (there)
		memcpy(out, b->data + at, there);
	memset((char *)out + there, 0, want - there);
	return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct handle *h = handle_of(file);

	if (!may_change(h))
		return SQLITE_IOERR_WRITE;
	sim_file_write(h->of, p, (size_t)n, (size_t)at);
	return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct handle *h = handle_of(file);

	if (!may_change(h))
		return SQLITE_IOERR_TRUNCATE;
	sim_file_truncate(h->of, (size_t)size);
	return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
	struct handle *h = handle_of(file);

	(void)flags;
	if (!may_change(h))
		return SQLITE_IOERR_FSYNC;
	sim_file_sync(h->of);
	if (!h->of->certain && !h->of->deleted)
		sim_disk_sync_folder(h->disk); /* as the unix VFS at a new file's first sync */
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out)
{
	struct handle *h = handle_of(file);

	if (!alive(h))
		return SQLITE_IOERR_FSTAT;
	*out = (sqlite3_int64)h->of->now.size;
	return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
	struct handle *h = handle_of(file);
	struct sim_file *f = h->of;

	if (!alive(h))
		return SQLITE_IOERR_LOCK;
	if (level <= h->level)
		return SQLITE_OK;
	if (h->level == SQLITE_LOCK_NONE) {
		if (f->pending_by)
			return SQLITE_BUSY;
		f->readers++;
		h->level = SQLITE_LOCK_SHARED;
	}
	if (level >= SQLITE_LOCK_RESERVED && h->level < SQLITE_LOCK_RESERVED) {
		if (f->reserved)
			return SQLITE_BUSY;
		f->reserved = h;
		h->level = SQLITE_LOCK_RESERVED;
	}
	if (level == SQLITE_LOCK_EXCLUSIVE) {
		f->pending_by = h;
		h->level = SQLITE_LOCK_PENDING;
		if (f->readers > 1)
			return SQLITE_BUSY;
		h->level = SQLITE_LOCK_EXCLUSIVE;
	}
	return SQLITE_OK;
}

static int file_unlock(sqlite3_file *file, int level)
{
	struct handle *h = handle_of(file);
	struct sim_file *f = h->of;

	if (h->life != h->disk->lives || level >= h->level)
		return SQLITE_OK;
	if (f->pending_by == h)
		f->pending_by = NULL;
	if (f->reserved == h)
		f->reserved = NULL;
	if (level == SQLITE_LOCK_NONE)
		f->readers--;
	h->level = level;
	return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *file, int *yes)
{
	struct handle *h = handle_of(file);

	*yes = h->of->reserved != NULL;
	return alive(h) ? SQLITE_OK : SQLITE_IOERR_CHECKRESERVEDLOCK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return 512;
}

/* As for an ordinary unix file: a write that is cut spoils no bytes beside it. */
static int file_traits(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int shm_map(sqlite3_file *file, int i, int size, int extend, void volatile **out)
{
	struct handle *h = handle_of(file);

	*out = NULL;
	if (!alive(h) || i >= SIM_SHM_REGIONS)
		return SQLITE_IOERR_SHMMAP;
	if (!h->shm) {
		if (!h->of->shm)
			h->of->shm = mem_new(struct sim_shm);
		h->shm = h->of->shm;
		h->shm->handles++;
	}
	if (!h->shm->regions[i] && extend)
		h->shm->regions[i] = mem_alloc((size_t)size);
	*out = h->shm->regions[i];
	return SQLITE_OK;
}

static int shm_take(struct handle *h, unsigned mask, bool exclusive)
{
	struct sim_shm *m = h->shm;

	for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
		int mine = (h->shared >> i & 1) != 0;

		if (!(mask >> i & 1))
			continue;
		if (m->exclusive[i] && !(h->exclusive >> i & 1))
			return SQLITE_BUSY;
		if (exclusive && m->shared[i] > mine)
			return SQLITE_BUSY;
	}
	for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
		if (!(mask >> i & 1))
			continue;
		if (exclusive)
			m->exclusive[i] = true;
		else if (!(h->shared >> i & 1))
			m->shared[i]++;
	}
	*(exclusive ? &h->exclusive : &h->shared) |= mask;
	return SQLITE_OK;
}

static void shm_drop(struct handle *h, unsigned mask)
{
	struct sim_shm *m = h->shm;

	for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
		if (mask & h->exclusive & 1u << i)
			m->exclusive[i] = false;
		if (mask & h->shared & 1u << i)
			m->shared[i]--;
	}
	h->exclusive &= ~mask;
	h->shared &= ~mask;
}

static int shm_lock(sqlite3_file *file, int first, int n, int flags)
{
	struct handle *h = handle_of(file);
	unsigned mask = ((1u << n) - 1) << first;

	if (flags & SQLITE_SHM_LOCK)
		return alive(h) && h->shm ? shm_take(h, mask, flags & SQLITE_SHM_EXCLUSIVE)
					  : SQLITE_IOERR_SHMLOCK;
	if (h->shm)
		shm_drop(h, mask);
	return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *file)
{
	(void)file;
}

static int shm_unmap(sqlite3_file *file, int delete)
{
	struct handle *h = handle_of(file);
	struct sim_shm *m = h->shm;

	(void)delete;
	if (!m)
		return SQLITE_OK;
	shm_drop(h, ~0u);
	h->shm = NULL;
	if (--m->handles > 0)
		return SQLITE_OK;
	if (h->of->shm == m)
		h->of->shm = NULL;
	for (int i = 0; i < SIM_SHM_REGIONS; i++)
		free(m->regions[i]);
	free(m);
	return SQLITE_OK;
}

static int file_close(sqlite3_file *file)
{
	struct handle *h = handle_of(file);

	shm_unmap(file, 0);
	file_unlock(file, SQLITE_LOCK_NONE);
	h->of->handles--;
	sim_file_drop_unused(h->of);
	return SQLITE_OK;
}

size_t sim_handle_size(void)
{
	return sizeof(struct handle);
}

void sim_handle_open(sqlite3_file *out, struct sim_disk *d, struct sim_file *f)
{
	static const sqlite3_io_methods methods = {
		.iVersion = 2,
		.xClose = file_close,
		.xRead = file_read,
		.xWrite = file_write,
		.xTruncate = file_truncate,
		.xSync = file_sync,
		.xFileSize = file_size,
		.xLock = file_lock,
		.xUnlock = file_unlock,
		.xCheckReservedLock = file_is_reserved,
		.xFileControl = file_control,
		.xSectorSize = file_sector,
		.xDeviceCharacteristics = file_traits,
		.xShmMap = shm_map,
		.xShmLock = shm_lock,
		.xShmBarrier = shm_barrier,
		.xShmUnmap = shm_unmap,
	};
	struct handle *h = handle_of(out);

	*h = (struct handle){ .file.pMethods = &methods, .disk = d, .of = f, .life = d->lives };
	f->handles++;
}
