#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "db/sqlite.h"
#include "fiber/world.h"

#include <stdbool.h>
#include <stdint.h>

/* Durable changes, many at a time.
 *
 * A change is a closed list of statements about one conversation.  It never reads and decides
 * in between: each statement says how many rows it must touch, and a change that does not find
 * what it expects is undone whole, by itself, without harm to the others in its batch.
 *
 * Changes queue while a commit is under way; then all that waits goes into one transaction, is
 * synced once, and each change is told.  So the more there is to do, the cheaper each gets, and a
 * change that stands alone waits for nobody.  Changes of one conversation are committed in
 * the order in which they were submitted.
 *
 * store_submit() does not wait; `done` is called on the loop's thread, in a fiber of the store's,
 * after the commit or the failure, and must not wait itself.
 *
 * After a failed commit (disk full, I/O error) the connection is closed and opened anew before the
 * next batch: a sync that failed is never tried again on the same handle. */

struct store;

/* `path` is the SQLite file, made and migrated when needed.  Blocks; call it at the start. */
struct store *store_open(struct world *w, const char *path, struct err *e);
void store_close(struct store *s); /* from a fiber: waits until the queue is empty */

struct change;

/* Freed after done().  taken(), if there is one, is called when the change leaves the queue for its
 * transaction: until then statements may be added, so whoever has more to write need not make
 * another.  `self` is the caller's. */
struct change *change_new(void (*taken)(struct change *c),
    void (*done)(struct change *c, const struct err *failed), void *self);
void *change_self(const struct change *c);
/* Changes that build on each other: once one of them has failed, those that follow fail for the
 * same reason, whether or not their own preconditions would hold.  The chain outlives its changes.
 */
struct chain {
	bool failed;
	struct err why;
};
void change_follows(struct change *c, struct chain *chain);
/* Memory of the change: parameters that must live until it is committed. */
struct arena *change_mem(const struct change *c);

/* One statement; sql is a static string; params are copied, what they point to is not.  It must
 * change exactly `want` rows (-1: any number): if not, the change fails with `code` and `message`.
 */
void change_add(struct change *c, const char *sql, const struct db_value *params, int n, int want,
    enum err_code code, const char *message);
/* The same, before what was added so far: a precondition that is known late. */
void change_add_first(struct change *c, const char *sql, const struct db_value *params, int n,
    int want, enum err_code code, const char *message);

void store_submit(struct store *s, struct change *c);

/* For what nobody waits for by itself and more is about to join: it goes a few hundredths of a
 * second later, or when it is hurried (store_hurry() on any other change does nothing).  Others may
 * go before it meanwhile. */
void store_submit_later(struct store *s, struct change *c);
void store_hurry(struct store *s, struct change *c);

/* The rows of a query, read on a thread; everything in mem. */
struct rows {
	int n, columns;
	const struct db_value *values; /* n * columns */
};

int store_query(struct store *s, struct arena *mem, const char *sql, const struct db_value *params,
    int n, struct rows *out, struct err *e);

static inline const struct db_value *row_value(const struct rows *r, int row, int column)
{
	return &r->values[row * r->columns + column];
}

/* For a process's own facts (secrets, keys made at the first start): waits until it is durable. */
int store_setting(
    struct store *s, struct arena *mem, const char *name, const char **value, struct err *e);
int store_set_setting(struct store *s, const char *name, const char *value, struct err *e);

/* How often it committed, and how many changes: what group commit saves.  And how often it was
 * asked. */
struct store_stats {
	int64_t commits, changes, queries;
};

struct store_stats store_stats(const struct store *s);

/* One process on one data folder: an exclusive lock on DIR/frontdesk.lock, held until the process
 * ends, however it ends. -1 with ERR_CONFLICT: who has it.  The folder is made when absent. */
int store_lock(const char *dir, struct err *e);
/* By whoever has the lock: where it answers, for others on this machine. */
int store_lock_address(const char *dir, const char *address, struct err *e);

struct lock_holder {
	bool held;
	long process;      /* 0: not known */
	char address[300]; /* "http://127.0.0.1:8080", "" while it does not answer yet */
};

/* Who has it.  A look holds the lock itself for a moment: who starts just then is refused. */
int store_lock_holder(const char *dir, struct lock_holder *out, struct err *e);

#endif
