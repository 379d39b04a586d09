#ifndef DB_SIM_FILE_H
#define DB_SIM_FILE_H

#include "base/list.h"
#include "db/sim_disk.h"

#include <sqlite3.h>
#include <stddef.h>

/* The inside of the simulated disk: its files, the handles that SQLite holds on them, and what
 * both ask of the disk. */

struct sim_disk {
	sqlite3_vfs vfs, *before; /* `before` was the default */
	struct link files;
	uint64_t chance;
	int64_t operations, fail_after; /* -1: never */
	bool failed;
	int lives; /* a handle of an earlier life is dead */
};

uint64_t sim_chance(struct sim_disk *d);
bool sim_disk_works(struct sim_disk *d); /* counts an operation that changes the disk */

/* All that is so in the folder now survives a power cut. */
void sim_disk_sync_folder(struct sim_disk *d);

struct sim_bytes {
	unsigned char *data;
	size_t size, cap;
};

/* SQLite's shared memory of a database in WAL mode.  It belongs to the processes and not to the
 * disk: after a crash there is a new one, and dead handles keep theirs until they are closed. */
#define SIM_SHM_REGIONS 64

struct sim_shm {
	void *regions[SIM_SHM_REGIONS];
	int shared[SQLITE_SHM_NLOCK]; /* handles */
	bool exclusive[SQLITE_SHM_NLOCK];
	int handles;
};

struct sim_file {
	struct link link;
	char *name;
	/* What is read, what is certain, and the writes that make the one out of the other. */
	struct sim_bytes now, durable;
	struct link pending;
	bool deleted;
	bool certain; /* whether it is deleted would survive a power cut */
	bool back;    /* while a power cut is worked out: it may come back */
	int handles;
	int readers;            /* with a shared lock or more */
	const void *reserved;   /* the handle that has it, or more */
	const void *pending_by; /* keeps new readers out */
	struct sim_shm *shm;    /* NULL: nobody has it mapped */
};

struct sim_file *sim_file_new(const char *name);
void sim_file_free(struct sim_file *f);
void sim_file_drop_unused(struct sim_file *f); /* frees what is deleted for good and not open */

void sim_file_write(struct sim_file *f, const void *p, size_t n, size_t at);
void sim_file_truncate(struct sim_file *f, size_t size);
void sim_file_sync(struct sim_file *f);
void sim_file_crash(struct sim_file *f, struct sim_disk *d);

size_t sim_handle_size(void);
void sim_handle_open(sqlite3_file *out, struct sim_disk *d, struct sim_file *f);

#endif
