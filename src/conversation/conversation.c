#include "conversation/conversation.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "conversation/rows.h"

#include <stdlib.h>
#include <string.h>

#define IDLE_BYTES                                                                                 \
	(12 * 1024)    /* beside its texts: two arenas' first blocks, the head, the tables */
#define TAIL_MAX   64  /* committed events kept for followers */
#define LOAD_BATCH 500 /* events read at a time */
#define KEYS_KEPT  8   /* clients' keys remembered, so that one does not come twice at once */

struct conversations {
	struct world *world;
	struct store *store;
	struct digest *digest;
	struct map by_id;
	struct link idle; /* held by nobody, longest first */
	size_t budget, idle_bytes;
};

struct conversation {
	struct conversations *all;
	char id[WORLD_ID_SIZE];
	int refs, changes, followers, live;
	struct link idle;
	size_t idle_bytes;
	struct head head;
	struct wire *wire;
	struct turn_log turn;
	int64_t committed;
	bool loading, broken, running;
	struct recap *recap;
	struct err why;                 /* broken */
	struct signal moved;            /* something was committed, or will never be */
	struct chain chain;             /* of its changes */
	struct pending_change *waiting; /* one that is still in the queue; NULL: none */
	struct link pending;            /* appended events, not yet committed, and then the tail */
	int tail;
	char *keys[KEYS_KEPT]; /* the newest, in a ring */
	int nkeys;
};

/* An event on its way: in the tail from the start, visible once seq <= committed. */
struct kept {
	struct link link;
	struct event ev;
	char turn[24];
};

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

static struct conversation *conversation_new(struct conversations *all, const char *id)
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

static void tail_drop(struct conversation *c)
{
	struct kept *k = container_of(c->pending.next, struct kept, link);

	list_out(&k->link);
	json_decref(json_unconst(k->ev.data));
	free(k);
	c->tail--;
}

/* The newest committed events are kept for followers, those under way always. */
static void tail_trim(struct conversation *c)
{
	while (c->tail > (c->followers ? TAIL_MAX : 0) &&
	       container_of(c->pending.next, struct kept, link)->ev.seq <= c->committed)
		tail_drop(c);
}

static void conversation_free(struct conversation *c)
{
	while (c->tail)
		tail_drop(c);
	for (int i = 0; i < KEYS_KEPT; i++)
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

static void forget(struct conversation *c)
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
		forget(c);
		conversation_free(c);
	}
}

/* The change that is under way holds it too: `changes`. */
static void release(struct conversation *c)
{
	struct conversations *all = c->all;

	if (c->refs || c->changes)
		return;
	if (c->broken || c->loading || !current(c)) {
		forget(c);
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
	release(c);
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

/* The folds, in one place. */
static void fold(struct conversation *c, const struct event *ev)
{
	head_apply(&c->head, ev);
	wire_append(c->wire, ev);
	turn_log_append(&c->turn, ev);
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
		forget(c);
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

/* Appending. */

/* Events on their way to the log, of one append or of several: what is appended while the change
 * waits in the queue joins it. */
struct pending_change {
	struct conversation *c;
	struct change *change;
	int64_t was, upto; /* the head's seq before and behind them */
	bool create, identified;
};

static void committed(struct change *change, const struct err *failed)
{
	struct pending_change *p = change_self(change);
	struct conversation *c = p->c;

	if (!failed) {
		c->committed = p->upto;
		tail_trim(c);
	} else if (!c->broken) {
		c->broken = true;
		c->why = *failed;
		forget(c);
		if (!world_crashed(c->all->world))
			log_warn("conversation %s: %s", c->id, failed->msg);
	}
	signal_wake_all(&c->moved);
	c->changes--;
	release(c);
	free(p);
}

static void keep_event(struct conversation *c, const struct event *ev)
{
	struct kept *k = mem_new(struct kept);

	k->ev = *ev;
	json_incref(json_unconst(ev->data));
	if (ev->turn) {
		memcpy(k->turn, ev->turn, strnlen(ev->turn, sizeof(k->turn) - 1));
		k->ev.turn = k->turn;
	}
	list_append(&c->pending, &k->link);
	c->tail++;
}

/* It leaves the queue: the row as it is after all its events is written once. */
static void taken(struct change *change)
{
	struct pending_change *p = change_self(change);
	struct conversation *c = p->c;

	c->waiting = NULL;
	if (p->create)
		rows_create(change, c->id, &c->head);
	else
		rows_move(change, c->id, p->was, &c->head, p->identified);
}

/* Nobody waits for these by themselves, and what follows takes them along: a turn is two changes,
 * the message and the rest, whatever its steps.  Who needs them durable settles. */
static bool lingers(enum event_kind kind)
{
	return kind == EVENT_INTENTS || kind == EVENT_STEP || kind == EVENT_RESULT ||
	       kind == EVENT_PROFILE;
}

static bool all_linger(const struct draft *d, int n)
{
	while (n > 0 && lingers(d[n - 1].kind))
		n--;
	return n == 0;
}

static struct pending_change *change_for(struct conversation *c, bool create, bool later)
{
	struct pending_change *p = c->waiting;

	if (p && !later)
		store_hurry(c->all->store, p->change);
	if (p)
		return p;
	p = c->waiting = mem_new(struct pending_change);
	*p = (struct pending_change){ .c = c, .was = c->head.seq, .create = create };
	p->change = change_new(taken, committed, p);
	change_follows(p->change, &c->chain);
	c->changes++;
	if (later)
		store_submit_later(c->all->store, p->change);
	else
		store_submit(c->all->store, p->change);
	return p;
}

/* Fold the events and write them into a change.  The change takes the json references. */
static int64_t append(
    struct conversation *c, const struct draft *d, int n, const struct client_key *key, bool create)
{
	struct pending_change *p = change_for(c, create, all_linger(d, n));
	int64_t now = world_time(c->all->world);

	for (int i = 0; i < n; i++) {
		struct event ev = { .seq = c->head.seq + 1,
			.epoch = c->head.epoch,
			.at = now,
			.turn = d[i].turn,
			.kind = d[i].kind,
			.data = json_in(change_mem(p->change), d[i].data) };

		p->identified |= ev.kind == EVENT_IDENTIFIED;
		fold(c, &ev);
		if (c->followers || c->tail) /* the tail has no gaps: it ends at the head's seq */
			keep_event(c, &ev);
		rows_event(p->change, c->all->world, c->all->digest, c->id, &ev);
		rows_cost(p->change, c->id, &ev);
	}
	if (key)
		rows_client_key(p->change, key, c->id, c->head.seq, now);
	p->upto = c->head.seq;
	return p->upto;
}

/* The table of keys would refuse the second, and the conversation would be broken for everybody. */
static int take_key(struct conversation *c, const struct client_key *key, struct err *e)
{
	struct buf mine = { 0 };

	buf_printf(&mine, "%s\n%s", key->scope, key->key);
	for (int i = 0; i < KEYS_KEPT; i++)
		if (text_is(c->keys[i], mine.data)) {
			buf_done(&mine);
			return err_set(e, ERR_CONFLICT,
			    "this Idempotency-Key was used at the same moment: ask again for what "
			    "it made");
		}
	free(c->keys[c->nkeys]);
	c->keys[c->nkeys] = mine.data;
	c->nkeys = (c->nkeys + 1) % KEYS_KEPT;
	return 0;
}

int64_t conversation_append(struct conversation *c, const struct draft *d, int n,
    const struct client_key *key, struct err *e)
{
	if (c->broken)
		*e = c->why;
	else if (!key || take_key(c, key, e) == 0)
		return append(c, d, n, key, false);
	for (int i = 0; i < n; i++)
		json_decref(d[i].data);
	return -1;
}

struct conversation *conversation_create(
    struct conversations *all, json_t *data, const struct client_key *key, struct err *e)
{
	char id[WORLD_ID_SIZE];
	struct conversation *c = conversation_new(all, world_id(all->world, "c_", id));
	struct draft d = { EVENT_CREATED, data, NULL };

	(void)e;
	map_put(&all->by_id, c->id, c);
	append(c, &d, 1, key, true);
	return c;
}

int conversation_settle(struct conversation *c, int64_t seq, struct err *e)
{
	if (c->waiting && c->committed < seq)
		store_hurry(c->all->store, c->waiting->change);
	while (c->committed < seq) {
		if (c->broken) {
			*e = c->why;
			return -1;
		}
		if (signal_wait(&c->moved, FOREVER, e) < 0)
			return -1;
	}
	return 0;
}

int conversation_key_used(struct conversations *all, struct arena *mem,
    const struct client_key *key, const char **conversation, int64_t *seq, struct err *e)
{
	return rows_read_client_key(all->store, mem, key, conversation, seq, e);
}

static void forgotten(struct change *c, const struct err *failed)
{
	(void)c;
	if (failed)
		log_warn("forgetting old Idempotency-Keys: %s", failed->msg);
}

void conversations_forget_keys(struct conversations *all, const char *scope, int64_t before)
{
	struct change *c = change_new(NULL, forgotten, NULL);

	rows_forget_keys(c, scope, before);
	store_submit(all->store, c);
}

/* Reading along. */

void conversation_follow(struct conversation *c, bool live)
{
	c->followers++;
	c->live += live;
}

void conversation_unfollow(struct conversation *c, bool live)
{
	c->followers--;
	c->live -= live;
	tail_trim(c);
}

bool conversation_live(const struct conversation *c)
{
	return c->live > 0;
}

int64_t conversation_committed(const struct conversation *c)
{
	return c->committed;
}

/* Does the tail begin early enough to hold all after `after`? */
static bool in_tail(const struct conversation *c, int64_t after)
{
	return c->tail && container_of(c->pending.next, struct kept, link)->ev.seq <= after + 1;
}

static void events_of_tail(struct conversation *c, int64_t after, int max, struct arena *mem,
    const struct event **out, int *n)
{
	struct event *events = arena_array(mem, struct event, c->tail);

	*n = 0;
	for (struct link *l = c->pending.next; l != &c->pending && *n < max; l = l->next) {
		const struct kept *k = container_of(l, struct kept, link);

		if (k->ev.seq <= after || k->ev.seq > c->committed)
			continue;
		events[*n] = k->ev;
		json_in(mem, json_incref(json_unconst(k->ev.data)));
		if (k->ev.turn)
			events[*n].turn = arena_strdup(mem, k->ev.turn);
		(*n)++;
	}
	*out = events;
}

int conversation_events(struct conversation *c, int64_t after, int max, struct arena *mem,
    const struct event **out, int *n, struct err *e)
{
	*n = 0;
	if (after >= c->committed)
		return 0;
	if (in_tail(c, after)) {
		events_of_tail(c, after, max, mem, out, n);
		return 0;
	}
	return rows_read_events(c->all->store, mem, c->id, after, max, out, n, e);
}

int conversation_wait(struct conversation *c, int64_t after, int64_t deadline, struct err *e)
{
	while (c->committed <= after) {
		if (c->broken) {
			*e = c->why;
			return -1;
		}
		if (signal_wait(&c->moved, deadline, e) < 0)
			return -1;
	}
	return 0;
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
