#ifndef CONVERSATION_WIRE_INSIDE_H
#define CONVERSATION_WIRE_INSIDE_H

#include "base/arena.h"
#include "conversation/wire.h"

/* What wire.c (events into messages) and wire_turns.c (turns; what a recap takes away) share. */

#define DIALECTS 4 /* rendered at once: the links of a chain */

struct rendering {
	const struct wire_dialect *dialect;
	struct buf bytes;
	size_t *offsets; /* of each message */
	int upto, capacity;
};

/* A list of messages that grows. */
struct messages {
	struct wire_message *at;
	int n, capacity;
};

/* Everything kept is copied into `mem`.  At its end the history may be open, in one of two ways:
 * `open` is a step whose calls have not all a result; or `parts` are sentences that were shown of
 * a reply whose step or message has not come yet, `run` is the model call that made them, and
 * `in_message` says that the step has come and the message that holds them is next.  What comes
 * meanwhile waits in `held`.  At the end of a turn nothing of this is left, so that the next turn
 * folds to the same whether those before it are there or not. */
struct wire {
	struct arena *mem;
	int64_t begin; /* seq of the last event that is not in it */
	struct messages closed, held;
	size_t weight; /* of the closed */
	struct wire_turn *turns;
	int nturns, turns_capacity;
	bool is_open;
	struct wire_message open;
	struct wire_result *results;
	bool *have;
	const char **log_ids; /* the ids in the log, which need not be unique */
	struct buf parts;
	int64_t parts_seq, run;
	bool in_message;
	const char *origin; /* of the step whose message comes next */
	const json_t *opaque;
	struct rendering renderings[DIALECTS];
	size_t bytes;
};

/* Copies that live as long as the history, counted. */
const char *wire_keep(struct wire *w, const char *s);
const json_t *wire_keep_json(struct wire *w, const json_t *j);

void wire_push(struct messages *l, const struct wire_message *m);
size_t wire_message_weight(const struct wire_message *m);

/* All that came so far is closed: a turn has ended. */
void wire_turn_ended(struct wire *w, int64_t seq);
/* The text takes the place of what it covers; not when it is none, or covers no whole turns. */
void wire_recap(struct wire *w, const struct event *ev);

#endif
