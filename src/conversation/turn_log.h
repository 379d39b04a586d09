#ifndef CONVERSATION_TURN_LOG_H
#define CONVERSATION_TURN_LOG_H

#include "base/buf.h"
#include "conversation/event.h"
#include "conversation/usage.h"

#include <stdbool.h>
#include <stdint.h>

/* What the open turn has done so far: a fold over its events.
 *
 * The turn's loop holds nothing that is not here, so that whatever opened or interrupted it (a
 * message, a restart), reading the log says where it stands: a call without a result
 * is to be run or settled, otherwise the model is to be asked.  It lives until the next turn
 * begins. */

enum call_state {
	CALL_OPEN,    /* proposed, nothing was sent */
	CALL_STARTED, /* a write that may not be repeated was sent, its outcome is not known */
	CALL_DONE
};

struct turn_call {
	const char *id, *name, *key; /* key: NULL for reads */
	const char *by;              /* the model that asked for it */
	const char *refused;         /* not to be run: what the model is told */
	bool limit;                  /* ... because a limit of the turn was reached */
	const json_t *arguments;
	bool write;
	enum call_state state;
	/* CALL_DONE */
	bool ok, unknown, retry;
	const json_t *value;
	const char *reason;
	int64_t ms;
};

struct turn_log {
	struct arena *mem; /* everything below */
	int64_t trigger;   /* seq of the message that opened it; 0: there was no turn yet */
	int64_t started_at;
	bool ended;
	int steps;
	struct turn_call *calls;
	int ncalls, capacity;
	int empties; /* steps that said nothing and called nothing */
	struct usage used;
	struct buf shown;    /* all the customer has read of the reply */
	size_t shown_before; /* of it, what came before the current run of the model */
	int64_t run;
	/* What the model left with its last step: of this turn, and of the turn before. */
	char *origin, *carry_origin;
	json_t *opaque, *carry;
};

void turn_log_init(struct turn_log *t);
void turn_log_done(struct turn_log *t);
void turn_log_append(struct turn_log *t, const struct event *ev);

/* A call with this key whose outcome stands (done and not a definite failure); NULL: none. */
const struct turn_call *turn_log_key(const struct turn_log *t, const char *key);

#endif
