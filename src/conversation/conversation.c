#include "conversation/inside.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Conversations in memory: found by id, read from the log, kept for a while when nobody holds
 * them. */

/* Beside its texts: two arenas' first blocks, the head, the tables. */
#define IDLE_BYTES (12 * 1024)
#define LOAD_BATCH 500 /* events read at a time */

struct conversations *conversations_new(struct world *w, struct store *s, size_t budget_bytes)
{
	struct conversations *all = mem_new(struct conversations);

	all->world = w;
	all->store = s;
	all->digest = digest_new();
	all->budget = budget_bytes;
	list_init(&all->idle);
	return all;
}

struct world *conversations_world(const struct conversations *all)
{
	return all->world;
}

struct store *conversations_store(const struct conversations *all)
{
	return all->store;
}

struct conversation *conversation_new(struct conversations *all, const char *id)
{
	struct conversation *c = mem_new(struct conversation);

	c->all = all;
	memcpy(c->id, id, strnlen(id, sizeof(c->id) - 1));
	head_init(&c->head);
	c->wire = wire_new();
	turn_log_init(&c->turn);
	list_init(&c->idle);
	list_init(&c->pending);
	signal_init(&c->moved);
	c->refs = 1;
	return c;
}

static void conversation_free(struct conversation *c)
{
	tail_free(c);
	for (int i = 0; i < CONVERSATION_KEYS; i++)
		free(c->keys[i]);
	head_done(&c->head);
	wire_free(c->wire);
	turn_log_done(&c->turn);
	free(c);
}

/* Is it the one that others find?  A broken one is not any more. */
static bool current(const struct conversation *c)
{
	return map_get(&c->all->by_id, c->id) == c;
}

void conversation_forget(struct conversation *c)
{
	if (current(c))
		map_take(&c->all->by_id, c->id);
}

static void evict(struct conversations *all)
{
	while (all->idle_bytes > all->budget && !list_empty(&all->idle)) {
		struct conversation *c = container_of(all->idle.next, struct conversation, idle);

		list_out(&c->idle);
		all->idle_bytes -= c->idle_bytes;
		conversation_forget(c);
		conversation_free(c);
	}
}

/* The change that is under way holds it too: `changes`. */
void conversation_release(struct conversation *c)
{
	struct conversations *all = c->all;

	if (c->refs || c->changes)
		return;
	if (c->broken || c->loading || !current(c)) {
		conversation_forget(c);
		conversation_free(c);
		return;
	}
	c->idle_bytes = sizeof(*c) + wire_size(c->wire) + IDLE_BYTES;
	all->idle_bytes += c->idle_bytes;
	list_append(&all->idle, &c->idle);
	evict(all);
}

struct conversation *conversation_ref(struct conversation *c)
{
	if (!c->refs++ && !c->changes) {
		c->all->idle_bytes -= c->idle_bytes;
		list_out(&c->idle);
	}
	return c;
}

void conversation_close(struct conversation *c)
{
	if (!c)
		return;
	c->refs--;
	conversation_release(c);
}

static void free_idle(void *value, void *arg)
{
	struct conversation *c = value;

	(void)arg;
	if (c->refs || c->changes)
		bug("conversation %s is still held by %d", c->id, c->refs);
	conversation_free(c);
}

void conversations_free(struct conversations *all)
{
	map_each(&all->by_id, free_idle, NULL);
	map_done(&all->by_id);
	digest_free(all->digest);
	free(all);
}

/* The history begins behind the recap's place; the turn's log wants the last two turns too. */
static int64_t needed_after(const struct head *h)
{
	return h->recap_upto < h->end_before ? h->recap_upto : h->end_before;
}

/* The head comes from its row; history and turn from the events, up to where the head is. */
static int load_events(struct conversation *c, int64_t *at, int *n, struct err *e)
{
	struct arena *mem = arena_new();
	const struct event *events;
	int result = rows_read_events(c->all->store, mem, c->id, *at, LOAD_BATCH, &events, n, e);

	for (int i = 0; result == 0 && i < *n && events[i].seq <= c->head.seq; i++) {
		if (events[i].seq > c->head.recap_upto)
			wire_append(c->wire, &events[i]);
		turn_log_append(&c->turn, &events[i]);
		*at = events[i].seq;
	}
	arena_free(mem);
	return result;
}

static int load(struct conversation *c, struct err *e)
{
	struct arena *mem = arena_new();
	int result = rows_read_head(c->all->store, mem, c->id, &c->head, e), n = LOAD_BATCH;
	int64_t at = needed_after(&c->head);

	arena_free(mem);
	wire_begin(c->wire, c->head.recap_upto);
	while (result == 0 && n == LOAD_BATCH && at < c->head.seq)
		result = load_events(c, &at, &n, e);
	if (result == 0 && at != c->head.seq)
		result = err_set(e, ERR_INVALID,
		    "the log of conversation %s is damaged: it ends at event %lld of %lld", c->id,
		    (long long)at, (long long)c->head.seq);
	c->committed = c->head.seq;
	return result;
}

static int loaded(struct conversation *c, struct err *e)
{
	while (c->loading)
		if (signal_wait(&c->moved, FOREVER, e) < 0)
			return -1;
	if (c->broken) {
		*e = c->why;
		return -1;
	}
	return 0;
}

static struct conversation *open_known(struct conversation *c, struct err *e)
{
	conversation_ref(c);
	if (loaded(c, e) == 0)
		return c;
	conversation_close(c);
	return NULL;
}

static struct conversation *open_cold(struct conversations *all, const char *id, struct err *e)
{
	struct conversation *c = conversation_new(all, id);

	map_put(&all->by_id, id, c);
	c->loading = true;
	if (load(c, e) < 0) {
		c->broken = true;
		c->why = *e;
		conversation_forget(c);
	}
	c->loading = false;
	signal_wake_all(&c->moved);
	if (!c->broken)
		return c;
	conversation_close(c);
	return NULL;
}

/* Was it another fiber that was told to stop, the one that loads, and not this one? */
static bool loader_was_stopped(const struct err *e)
{
	struct err ours;

	return (e->code == ERR_CANCELED || e->code == ERR_TIMEOUT) && fiber_check(&ours) == 0;
}

struct conversation *conversation_open(struct conversations *all, const char *id, struct err *e)
{
	struct conversation *c, *known;

	if (strlen(id) >= WORLD_ID_SIZE) {
		err_set(e, ERR_NOT_FOUND, "there is no such conversation");
		return NULL;
	}
	do {
		known = map_get(&all->by_id, id);
		c = known ? open_known(known, e) : open_cold(all, id, e);
	} while (!c && known && loader_was_stopped(e));
	return c;
}

int conversations_unfinished(
    struct conversations *all, struct arena *mem, const char *const **ids, int *n, struct err *e)
{
	return rows_read_unfinished(all->store, mem, ids, n, e);
}

int conversations_spent(struct conversations *all, int64_t day, int64_t *cost, struct err *e)
{
	return rows_read_spent(all->store, day, cost, e);
}

const char *conversation_id(const struct conversation *c)
{
	return c->id;
}

const struct head *conversation_head(const struct conversation *c)
{
	return &c->head;
}

const struct turn_log *conversation_turn(const struct conversation *c)
{
	return &c->turn;
}

struct wire *conversation_wire(struct conversation *c)
{
	return c->wire;
}

bool *conversation_running(struct conversation *c)
{
	return &c->running;
}

struct recap **conversation_recap(struct conversation *c)
{
	return &c->recap;
}
