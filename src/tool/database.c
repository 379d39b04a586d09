#include "tool/database.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	READERS = 4,
};

#define CALLS_TABLE                                                                                \
	"CREATE TABLE frontdesk_calls (key TEXT PRIMARY KEY NOT NULL, "                            \
	"result TEXT NOT NULL, at TEXT NOT NULL)"

struct pool {
	enum sqlite_mode mode;
	struct lane *lane;
	struct sqlite *idle[READERS];
	int nidle;
};

struct sql_database {
	struct world *world;
	char *name, *path;
	/* Guards the idle connections, and which connection a piece of work has: an interrupt must
	 * not hit the work that took the connection over. */
	pthread_mutex_t lock;
	struct pool pools[2]; /* reads, writes */
};

static char *with_ending(const char *path, const char *ending)
{
	size_t n = strlen(path) + strlen(ending) + 1;
	char *out = mem_alloc(n);

	snprintf(out, n, "%s%s", path, ending);
	return out;
}

static void remove_files(const char *path)
{
	static const char *const endings[] = { "", "-wal", "-shm", "-journal" };

	for (size_t i = 0; i < array_len(endings); i++) {
		char *file = with_ending(path, endings[i]);

		unlink(file);
		free(file);
	}
}

/* Nothing of it is worth a sync before the whole is there; closing then writes it down. */
static int fill(struct sqlite *c, const char *init, struct err *e)
{
	if (sqlite_script(c, "PRAGMA synchronous = OFF", e) < 0)
		return -1;
	if (sqlite_script(c, init, e) < 0)
		return err_wrap(e, "the init script");
	if (sqlite_script(c, CALLS_TABLE, e) < 0)
		return err_wrap(e, "making frontdesk_calls");
	if (sqlite_script(c, "PRAGMA synchronous = FULL", e) < 0)
		return err_wrap(e, "the init script leaves a transaction open");
	return 0;
}

static int sync_folder(const char *path, struct err *e)
{
	char *copy = mem_strdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY), rc = 0;

	if (fd < 0 || fsync(fd) < 0)
		rc = err_set(e, ERR_IO, "syncing the folder: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

static int make_file(const char *path, const char *init, struct err *e)
{
	char *draft = with_ending(path, ".new");
	struct sqlite *c;
	int rc;

	remove_files(draft);
	c = sqlite_open(draft, SQLITE_LOG, e);
	rc = c ? fill(c, init, e) : -1;
	sqlite_close(c);
	if (rc == 0)
		remove_files(path); /* a deleted database's -wal would bring its rows back */
	if (rc == 0 && rename(draft, path) < 0)
		rc = err_set(e, ERR_IO, "renaming %s: %s", draft, strerror(errno));
	if (rc == 0)
		rc = sync_folder(path, e);
	else
		remove_files(draft);
	free(draft);
	return rc;
}

static int make_when_absent(const char *path, const char *init, struct err *e)
{
	if (access(path, F_OK) == 0)
		return 0;
	if (errno != ENOENT)
		return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
	if (!init)
		return err_set(e, ERR_NOT_FOUND,
		    "%s does not exist, and there is no init script to make it from", path);
	return make_file(path, init, e);
}

struct sql_database *sql_database_open(
    struct world *w, const char *name, const char *path, const char *init, struct err *e)
{
	struct sql_database *d = mem_new(struct sql_database);

	d->world = w;
	d->name = mem_strdup(name);
	d->path = mem_strdup(path);
	pthread_mutex_init(&d->lock, NULL);
	d->pools[0] = (struct pool){ .mode = SQLITE_READS, .lane = lane_new(w, name, READERS) };
	d->pools[1] = (struct pool){ .mode = SQLITE_WRITES, .lane = lane_new(w, name, 1) };
	if (make_when_absent(path, init, e) == 0) {
		struct sqlite *c = sql_database_take(d, false, e);

		if (c) {
			sql_database_give(d, false, c);
			return d;
		}
	}
	err_wrap(e, "database %s", name);
	sql_database_close(d);
	return NULL;
}

void sql_database_close(struct sql_database *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < array_len(d->pools); i++) {
		lane_free(d->pools[i].lane);
		while (d->pools[i].nidle > 0)
			sqlite_close(d->pools[i].idle[--d->pools[i].nidle]);
	}
	pthread_mutex_destroy(&d->lock);
	free(d->name);
	free(d->path);
	free(d);
}

const char *sql_database_name(const struct sql_database *d)
{
	return d->name;
}

struct world *sql_database_world(const struct sql_database *d)
{
	return d->world;
}

struct sqlite *sql_database_take(struct sql_database *d, bool write, struct err *e)
{
	struct pool *p = &d->pools[write];
	struct sqlite *c = NULL;

	pthread_mutex_lock(&d->lock);
	if (p->nidle > 0)
		c = p->idle[--p->nidle];
	pthread_mutex_unlock(&d->lock);
	return c ? c : sqlite_open(d->path, p->mode, e);
}

void sql_database_give(struct sql_database *d, bool write, struct sqlite *c)
{
	struct pool *p = &d->pools[write];
	bool kept;

	pthread_mutex_lock(&d->lock);
	kept = p->nidle < READERS;
	if (kept)
		p->idle[p->nidle++] = c;
	pthread_mutex_unlock(&d->lock);
	if (!kept)
		sqlite_close(c);
}

int sql_database_takes_writes(struct sql_database *d, struct err *e)
{
	struct sqlite *c = sql_database_take(d, true, e);
	struct sqlite_shape shape;
	int rc;

	if (!c)
		return -1;
	rc = sqlite_check(c, "SELECT key, result, at FROM frontdesk_calls", &shape, NULL, e);
	sql_database_give(d, true, c);
	if (rc == 0)
		return 0;
	return err_set(e, ERR_INVALID,
	    "database %s needs a table in which writes are noted, so that each happens once; "
	    "make it with: " CALLS_TABLE,
	    d->name);
}

struct work {
	struct sql_database *database;
	bool write;
	sql_work_fn *fn;
	void *arg;
	struct sqlite *c; /* under the lock: while fn runs */
	bool stopped;     /* under the lock: time ran out */
	bool ran;
	struct err err;
};

/* Nobody interrupts the connection from here on for what was before. */
static bool begin(struct work *w, struct sqlite *c)
{
	bool stopped;

	pthread_mutex_lock(&w->database->lock);
	stopped = w->stopped;
	if (!stopped) {
		sqlite_forget_interrupt(c);
		w->c = c;
	}
	pthread_mutex_unlock(&w->database->lock);
	return !stopped;
}

static void end(struct work *w)
{
	pthread_mutex_lock(&w->database->lock);
	w->c = NULL;
	pthread_mutex_unlock(&w->database->lock);
}

static void on_lane(void *arg)
{
	struct work *w = arg;
	struct sqlite *c = sql_database_take(w->database, w->write, &w->err);

	if (!c)
		return;
	if (begin(w, c)) {
		w->ran = true;
		w->fn(c, w->arg);
		end(w);
	} else {
		err_set(&w->err, ERR_TIMEOUT, "interrupted");
	}
	sql_database_give(w->database, w->write, c);
}

static void stop(void *arg)
{
	struct work *w = arg;

	pthread_mutex_lock(&w->database->lock);
	w->stopped = true;
	if (w->c)
		sqlite_interrupt(w->c);
	pthread_mutex_unlock(&w->database->lock);
}

int sql_database_run(struct sql_database *d, bool write, sql_work_fn *fn, void *arg, struct err *e)
{
	struct work w = { .database = d, .write = write, .fn = fn, .arg = arg };
	struct err late = { 0 };
	int rc = lane_run(d->pools[write].lane, on_lane, &w, stop, FOREVER, NULL, &late);

	if (w.ran)
		return 0;
	*e = rc < 0 ? late : w.err;
	return -1;
}
