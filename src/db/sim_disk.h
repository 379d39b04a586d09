#ifndef DB_SIM_DISK_H
#define DB_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* A disk in memory whose power can be cut.
 *
 * It is an sqlite3_vfs.  While a sim_disk exists it is SQLite's default, so that the code under
 * test opens its files on it without knowing (one at a time; not for several threads).
 *
 * Like a real disk behind a cache it promises nothing that was not synced.  At a power cut each
 * sector of 512 bytes that was written since the file's last sync is there or not, by chance;
 * so is a truncation, the name of a new file that was never synced, and the deleting of a file
 * whose folder was not synced after it.  What was synced stays, whatever happens.
 *
 * Connections that were open at the cut get SQLITE_IOERR for ever; close them and open the same
 * paths again. */

struct sim_disk;

struct sim_disk *sim_disk_new(uint64_t seed);
void sim_disk_free(struct sim_disk *d); /* after every connection on it was closed */

/* Let the power go in the middle of things: after so many more writes, truncations, syncs and
 * deletions nothing works.  A write is one that reaches the disk, not a statement. */
void sim_disk_fail_after(struct sim_disk *d, int64_t operations);
bool sim_disk_failed(const struct sim_disk *d);

/* The power is cut now (or was when it failed) and comes back: what is on the disk is decided. */
void sim_disk_crash(struct sim_disk *d, uint64_t seed);

#endif
