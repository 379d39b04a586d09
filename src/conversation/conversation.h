#ifndef CONVERSATION_CONVERSATION_H
#define CONVERSATION_CONVERSATION_H

#include "conversation/event.h"
#include "conversation/head.h"
#include "conversation/turn_log.h"
#include "conversation/wire.h"
#include "fiber/world.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* A conversation in memory: the log, folded.
 *
 * All that is known of it here is a fold over its events: the head (bounded state), the wire
 * (history as a model may see it, kept as bytes ready to send), the turn's log (where the open turn
 * stands).  The only way to change any of them is conversation_append().
 *
 * Appending does not wait: the folds move on at once, and the change goes to the store, in order;
 * steps and results may linger there for a moment, to go with what follows.
 * What must not happen before it is durable (acknowledging a message, showing a sentence, sending a
 * write) waits with conversation_settle().  Followers hear of events when they are committed, never
 * before.
 *
 * If a change fails (the disk, or another process was first), the conversation in memory is ahead
 * of the truth: it is broken, every later append and settle fails with the reason, and
 * whoever opens the conversation next gets a fresh one from the log.
 *
 * conversation_open() gives a reference, conversation_close() gives it back; those nobody holds
 * stay in memory, least recently used last, within a budget of bytes.  One that is not in memory
 * is read from its row and from the events behind its last recap. */

struct conversations;
struct conversation;
struct client_key;
struct recap;

struct conversations *conversations_new(struct world *w, struct store *s, size_t budget_bytes);
void conversations_free(struct conversations *all); /* bug() while one is held */
struct world *conversations_world(const struct conversations *all);
struct store *conversations_store(const struct conversations *all);

/* NULL with ERR_NOT_FOUND: no such conversation.  Waits when it must be read from the log. */
struct conversation *conversation_open(struct conversations *all, const char *id, struct err *e);
/* A new one with its first event; `data` is EVENT_CREATED's, taken over.  Not yet durable. */
struct conversation *conversation_create(
    struct conversations *all, json_t *data, const struct client_key *key, struct err *e);
struct conversation *conversation_ref(struct conversation *c);
void conversation_close(struct conversation *c); /* NULL is fine */

const char *conversation_id(const struct conversation *c);
/* Borrowed; they move with the next append, so take what you need before you wait. */
const struct head *conversation_head(const struct conversation *c);
const struct turn_log *conversation_turn(const struct conversation *c);
struct wire *conversation_wire(struct conversation *c);

/* One event to append. `data` is taken over, also on failure. */
struct draft {
	enum event_kind kind;
	json_t *data;
	const char *turn; /* NULL: outside of any */
};

/* A client's Idempotency-Key, to be written with the event that its request made. */
struct client_key {
	const char *scope; /* the conversation's id, or who creates conversations */
	const char *key;
	const char *body_hash;
};

/* All of them in one change, or none.  Returns the seq of the last; -1: broken, or ERR_CONFLICT: a
 * request with this key is under way or was just made (nothing is broken then). */
int64_t conversation_append(struct conversation *c, const struct draft *d, int n,
    const struct client_key *key, struct err *e);
/* Wait until all up to seq is durable. */
int conversation_settle(struct conversation *c, int64_t seq, struct err *e);

/* What an earlier request with this key made: *seq of its event, *conversation its id (in mem);
 * *seq 0: none. ERR_CONFLICT: the key came with another body. */
int conversation_key_used(struct conversations *all, struct arena *mem,
    const struct client_key *key, const char **conversation, int64_t *seq, struct err *e);

/* Keys of scopes that begin so, older than `before` (ms since 1970), are forgotten; it does not
 * wait. */
void conversations_forget_keys(struct conversations *all, const char *scope, int64_t before);

/* Reading along.  While somebody follows, the newest committed events stay in memory; while
 * somebody does so `live`, with a person in front of it, a reply is shown sentence by sentence. */
void conversation_follow(struct conversation *c, bool live);
void conversation_unfollow(struct conversation *c, bool live);
bool conversation_live(const struct conversation *c);
int64_t conversation_committed(const struct conversation *c);
/* Committed events after `after`, oldest first, at most `max`; all of it in mem. */
int conversation_events(struct conversation *c, int64_t after, int max, struct arena *mem,
    const struct event **out, int *n, struct err *e);
/* Wait until something after `after` is committed. ERR_TIMEOUT at the deadline. */
int conversation_wait(struct conversation *c, int64_t after, int64_t deadline, struct err *e);

/* Ids of conversations whose turn was open when the process ended, oldest first; in mem. */
int conversations_unfinished(
    struct conversations *all, struct arena *mem, const char *const **ids, int *n, struct err *e);

/* What all conversations spent that day (usage_day()), in millionths of a US dollar. */
int conversations_spent(struct conversations *all, int64_t day, int64_t *cost, struct err *e);

/* Whether a fiber works on its turn: the runner's flag (agent/runner.c). */
bool *conversation_running(struct conversation *c);
/* The recap that is being made of it: the agent's (agent/recap.c). */
struct recap **conversation_recap(struct conversation *c);

#endif
