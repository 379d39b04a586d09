#include "store/store.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/migrations.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 512
#define READERS   4
#define LATER_MS  20

struct statement {
	struct statement *next;
	const char *sql;
	const struct db_value *params;
	int n, want;
	enum err_code code;
	const char *message;
};

struct change {
	struct link queued;
	struct arena *mem;
	struct chain *chain; /* NULL: it builds on no other */
	struct statement *first, **last;
	void (*taken)(struct change *c);
	void (*done)(struct change *c, const struct err *failed);
	void *self;
	int64_t due; /* 0: it does not linger */
	bool failed;
	struct err err;
};

struct store {
	struct world *world;
	char *path;
	struct lane *writer, *readers;
	struct scope scope;
	struct link queue, later; /* later: those that linger, the first due first */
	bool committing, watching;
	struct sqlite *log;     /* the writer lane's; NULL after a failed commit */
	struct semaphore slots; /* of readers */
	struct sqlite *idle[READERS];
	int nidle;
	struct store_stats stats;
};

struct change *change_new(void (*taken)(struct change *c),
    void (*done)(struct change *c, const struct err *failed), void *self)
{
	struct arena *mem = arena_new();
	struct change *c = arena_new_of(mem, struct change);

	c->mem = mem;
	c->taken = taken;
	c->last = &c->first;
	c->done = done;
	c->self = self;
	list_init(&c->queued);
	return c;
}

void *change_self(const struct change *c)
{
	return c->self;
}

void change_follows(struct change *c, struct chain *chain)
{
	c->chain = chain;
}

struct arena *change_mem(const struct change *c)
{
	return c->mem;
}

static struct statement *statement_new(struct change *c, const char *sql,
    const struct db_value *params, int n, int want, enum err_code code, const char *message)
{
	struct statement *s = arena_new_of(c->mem, struct statement);

	*s = (struct statement){
		.sql = sql, .n = n, .want = want, .code = code, .message = message
	};
	s->params = arena_memdup(c->mem, params, sizeof(*params) * (size_t)n);
	return s;
}

void change_add(struct change *c, const char *sql, const struct db_value *params, int n, int want,
    enum err_code code, const char *message)
{
	*c->last = statement_new(c, sql, params, n, want, code, message);
	c->last = &(*c->last)->next;
}

void change_add_first(struct change *c, const char *sql, const struct db_value *params, int n,
    int want, enum err_code code, const char *message)
{
	struct statement *s = statement_new(c, sql, params, n, want, code, message);

	if (!c->first)
		c->last = &s->next;
	s->next = c->first;
	c->first = s;
}

/* A batch on the writer's thread. */

static int run(struct sqlite *log, const char *sql, struct err *e)
{
	return sqlite_run(log, sql, NULL, 0, NULL, NULL, NULL, e);
}

static int apply(struct sqlite *log, struct change *c)
{
	if (c->chain && c->chain->failed) {
		c->err = c->chain->why;
		return -1;
	}
	for (struct statement *s = c->first; s; s = s->next) {
		int64_t changes = 0;

		if (sqlite_run(log, s->sql, s->params, s->n, NULL, NULL, &changes, &c->err) < 0)
			return -1;
		if (s->want >= 0 && changes != s->want)
			return err_set(&c->err, s->code, "%s", s->message);
	}
	return 0;
}

static void break_chain(struct chain *chain, const struct err *why)
{
	if (!chain || chain->failed)
		return;
	chain->failed = true;
	chain->why = *why;
}

/* Each change stands or falls by itself and what it builds on.  A disk that fails may have undone
 * the whole transaction: then its reason is the batch's. */
static int apply_one(struct sqlite *log, struct change *c, struct err *e)
{
	if (run(log, "SAVEPOINT one", e) < 0)
		return -1;
	c->failed = apply(log, c) < 0;
	if (c->failed) {
		break_chain(c->chain, &c->err);
		if (run(log, "ROLLBACK TO one", e) < 0) {
			*e = c->err;
			return -1;
		}
	}
	return run(log, "RELEASE one", e);
}

struct batch {
	struct store *store;
	struct change *changes[BATCH_MAX];
	int n;
	struct err err;
	int result;
};

/* Nearly always all of them hold and need no savepoint each.  The one that does not; NULL: none. */
static struct change *apply_all(struct sqlite *log, struct batch *b)
{
	for (int i = 0; i < b->n; i++)
		if (apply(log, b->changes[i]) < 0)
			return b->changes[i];
	return NULL;
}

/* From the beginning, each by itself.  A disk that failed has undone the transaction already. */
static int apply_each(struct sqlite *log, struct batch *b, const struct err *why)
{
	if (run(log, "ROLLBACK", &b->err) < 0) {
		b->err = *why;
		return -1;
	}
	if (run(log, "BEGIN IMMEDIATE", &b->err) < 0)
		return -1;
	for (int i = 0; i < b->n; i++)
		if (apply_one(log, b->changes[i], &b->err) < 0)
			return -1;
	return 0;
}

static int write_batch(struct batch *b)
{
	struct sqlite *log = b->store->log;
	struct change *bad;

	if (!log && !(log = b->store->log = sqlite_open(b->store->path, SQLITE_LOG, &b->err)))
		return -1;
	if (run(log, "BEGIN IMMEDIATE", &b->err) < 0)
		return -1;
	bad = apply_all(log, b);
	if (bad && apply_each(log, b, &bad->err) < 0)
		return -1;
	return run(log, "COMMIT", &b->err);
}

static void batch_job(void *arg)
{
	struct batch *b = arg;

	b->result = write_batch(b);
	if (b->result < 0) {
		sqlite_close(b->store->log);
		b->store->log = NULL;
	}
}

static void batch_take(struct store *s, struct batch *b)
{
	b->store = s;
	for (b->n = 0; b->n < BATCH_MAX && !list_empty(&s->queue); b->n++) {
		struct change *c = container_of(s->queue.next, struct change, queued);

		list_out(&c->queued);
		if (c->taken)
			c->taken(c);
		b->changes[b->n] = c;
	}
}

static void batch_tell(struct batch *b)
{
	for (int i = 0; i < b->n; i++) {
		struct change *c = b->changes[i];
		const struct err *failed = b->result < 0 ? &b->err : c->failed ? &c->err : NULL;

		if (failed)
			break_chain(c->chain, failed);
		c->done(c, failed);
		arena_free(c->mem);
	}
}

/* Runs while there is something to commit.  It is no request's child, so nobody's deadline
 * is on it; in a crashed world the lane refuses and every change hears so. */
static void commit_all(void *arg)
{
	struct store *s = arg;
	struct batch *b = mem_new(struct batch);

	while (!list_empty(&s->queue)) {
		batch_take(s, b);
		b->result = 0;
		if (lane_run(s->writer, batch_job, b, NULL, FOREVER, NULL, &b->err) < 0)
			b->result = -1;
		if (b->result < 0 && !world_crashed(s->world))
			log_error("committing %d changes to %s: %s", b->n, s->path, b->err.msg);
		if (b->result == 0) {
			s->stats.commits++;
			s->stats.changes += b->n;
		}
		batch_tell(b);
	}
	s->committing = false;
	free(b);
}

void store_submit(struct store *s, struct change *c)
{
	list_append(&s->queue, &c->queued);
	if (s->committing)
		return;
	s->committing = true;
	scope_go(&s->scope, commit_all, s);
}

/* Lingering. */

void store_hurry(struct store *s, struct change *c)
{
	if (!c->due)
		return;
	c->due = 0;
	list_out(&c->queued);
	store_submit(s, c);
}

static struct change *first_later(struct store *s)
{
	return container_of(s->later.next, struct change, queued);
}

/* Where waiting fails (the world has crashed), nothing lingers: it is told as any other. */
static void watch_later(void *arg)
{
	struct store *s = arg;
	bool waits = true;
	struct err e;

	while (!list_empty(&s->later)) {
		if (waits && fiber_now() < first_later(s)->due)
			waits = fiber_sleep_until(first_later(s)->due, &e) == 0;
		else
			store_hurry(s, first_later(s));
	}
	s->watching = false;
}

void store_submit_later(struct store *s, struct change *c)
{
	c->due = fiber_now() + LATER_MS;
	list_append(&s->later, &c->queued);
	if (s->watching)
		return;
	s->watching = true;
	scope_go(&s->scope, watch_later, s);
}

struct store_stats store_stats(const struct store *s)
{
	return s->stats;
}

/* Reading.  There are as many connections as readers; each is opened when it is first needed, on
 * the reader's thread, and taken and given back on the loop's. */

struct query {
	struct store *store;
	struct sqlite *_Atomic c;
	atomic_bool stopped;
	struct arena *mem;
	const char *sql;
	const struct db_value *params;
	int n, capacity, result;
	struct rows *out;
	struct db_value *values;
	struct err err;
};

static int keep_row(void *arg, const struct db_value *values, int n)
{
	struct query *q = arg;
	struct db_value *v;

	if (q->out->n == q->capacity) {
		size_t used = sizeof(*v) * (size_t)(q->capacity * n);

		q->capacity = q->capacity ? q->capacity * 2 : 8;
		v = arena_array(q->mem, struct db_value, q->capacity * n);
		if (used)
			memcpy(v, q->values, used);
		q->values = v;
	}
	v = q->values + q->out->n++ * n;
	q->out->columns = n;
	for (int i = 0; i < n; i++) {
		v[i] = values[i];
		if (v[i].p)
			v[i].p = arena_memdup(q->mem, v[i].p, v[i].n);
	}
	return 0;
}

static void query_job(void *arg)
{
	struct query *q = arg;
	struct sqlite *c = q->c;

	if (!c)
		q->c = c = sqlite_open(q->store->path, SQLITE_READS, &q->err);
	if (c && q->stopped)
		q->result = err_set(&q->err, ERR_TIMEOUT, "interrupted");
	else
		q->result =
		    c ? sqlite_run(c, q->sql, q->params, q->n, keep_row, q, NULL, &q->err) : -1;
}

static void query_interrupt(void *arg)
{
	struct query *q = arg;
	struct sqlite *c;

	q->stopped = true;
	c = q->c;
	if (c)
		sqlite_interrupt(c);
}

static int query_run(struct store *s, struct query *q, struct err *e)
{
	int r;

	if (semaphore_take(&s->slots, FOREVER, e) < 0)
		return -1;
	if (s->nidle) {
		q->c = s->idle[--s->nidle];
		sqlite_forget_interrupt(q->c);
	}
	r = lane_run(s->readers, query_job, q, query_interrupt, FOREVER, NULL, e);
	if (q->c)
		s->idle[s->nidle++] = q->c;
	semaphore_give(&s->slots);
	if (r == 0 && q->result < 0) {
		*e = q->err;
		r = -1;
	}
	return r;
}

int store_query(struct store *s, struct arena *mem, const char *sql, const struct db_value *params,
    int n, struct rows *out, struct err *e)
{
	struct query q = {
		.store = s, .mem = mem, .sql = sql, .params = params, .n = n, .out = out
	};

	*out = (struct rows){ 0 };
	s->stats.queries++;
	if (query_run(s, &q, e) < 0) {
		*out = (struct rows){ 0 };
		return err_wrap(e, "reading the log");
	}
	out->values = q.values;
	return 0;
}

/* Settings. */

int store_setting(
    struct store *s, struct arena *mem, const char *name, const char **value, struct err *e)
{
	struct db_value p = DB_STR(name);
	struct rows r;

	if (store_query(s, mem, "SELECT value FROM settings WHERE name = $1", &p, 1, &r, e) < 0)
		return -1;
	*value = r.n ? db_text(row_value(&r, 0, 0)) : NULL;
	return 0;
}

/* Lives until both sides are done with it: a cancelled waiter leaves, the commit still comes. */
struct waiting {
	struct signal over;
	bool ended, abandoned;
	int result;
	struct err err;
};

static void wait_over(struct change *c, const struct err *failed)
{
	struct waiting *w = change_self(c);

	w->ended = true;
	if (failed) {
		w->result = -1;
		w->err = *failed;
	}
	if (w->abandoned)
		free(w);
	else
		signal_wake_all(&w->over);
}

int store_set_setting(struct store *s, const char *name, const char *value, struct err *e)
{
	struct waiting *w = mem_new(struct waiting);
	struct change *c = change_new(NULL, wait_over, w);
	struct db_value p[] = { DB_STR(arena_strdup(c->mem, name)),
		DB_STR(arena_strdup(c->mem, value)) };
	int result;

	signal_init(&w->over);
	change_add(c,
	    "INSERT INTO settings (name, value) VALUES ($1, $2) "
	    "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	    p, 2, 1, ERR_IO, "the setting was not written");
	store_submit(s, c);
	while (!w->ended)
		if (signal_wait(&w->over, FOREVER, e) < 0 && !w->ended) {
			w->abandoned = true;
			return -1;
		}
	result = w->result;
	if (result < 0)
		*e = w->err;
	free(w);
	return result;
}

struct store *store_open(struct world *w, const char *path, struct err *e)
{
	struct store *s = mem_new(struct store);

	s->world = w;
	s->path = mem_strdup(path);
	list_init(&s->queue);
	list_init(&s->later);
	s->log = sqlite_open(path, SQLITE_LOG, e);
	if (!s->log || migrations_run(s->log, e) < 0) {
		err_wrap(e, "opening %s", path);
		sqlite_close(s->log);
		free(s->path);
		free(s);
		return NULL;
	}
	semaphore_init(&s->slots, READERS);
	scope_open_root(&s->scope);
	s->writer = lane_new(w, "log", 1);
	s->readers = lane_new(w, "reads", READERS);
	return s;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	scope_join(&s->scope);
	lane_free(s->writer);
	lane_free(s->readers);
	while (s->nidle)
		sqlite_close(s->idle[--s->nidle]);
	sqlite_close(s->log);
	free(s->path);
	free(s);
}
