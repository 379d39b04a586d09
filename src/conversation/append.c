#include "conversation/inside.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Appending: the folds move on, and the events go to the log. */

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
		conversation_forget(c);
		if (!world_crashed(c->all->world))
			log_warn("conversation %s: %s", c->id, failed->msg);
	}
	signal_wake_all(&c->moved);
	c->changes--;
	conversation_release(c);
	free(p);
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

/* The folds, in one place. */
static void fold(struct conversation *c, const struct event *ev)
{
	head_apply(&c->head, ev);
	wire_append(c->wire, ev);
	turn_log_append(&c->turn, ev);
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
			tail_keep(c, &ev);
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
	for (int i = 0; i < CONVERSATION_KEYS; i++)
		if (text_is(c->keys[i], mine.data)) {
			buf_done(&mine);
			return err_set(e, ERR_CONFLICT,
			    "this Idempotency-Key was used at the same moment: ask again for what "
			    "it made");
		}
	free(c->keys[c->nkeys]);
	c->keys[c->nkeys] = mine.data;
	c->nkeys = (c->nkeys + 1) % CONVERSATION_KEYS;
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
