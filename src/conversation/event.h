#ifndef CONVERSATION_EVENT_H
#define CONVERSATION_EVENT_H

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

/* One line of a conversation's log, and the registry of what lines there are.
 *
 * A kind is one row in event.c: its name, who may see it, and what a customer sees of its
 * payload where that is less than all.  The fold of the state (head.c) and the history (wire.c)
 * switch on the kind.  To add one: an enumerator, a row, and a case where it changes something. */

enum event_kind {
	EVENT_CREATED,    /* {customer?, identity, channel?, external_id?, subject?, language?} */
	EVENT_IDENTIFIED, /* {customer, identity}: bound once */
	EVENT_PROFILE,    /* {profile}: account facts from the declared tool */
	EVENT_MESSAGE,    /* {role: customer|ai|person|system, author?, content, masked?} */
	EVENT_PART,       /* {content}: a sentence of a reply on its way, already shown */
	EVENT_INTENTS,    /* {intents: [{name, p}]} of the message that opened the turn */
	EVENT_STEP, /* {n, model, text?, calls: [{id, name, arguments, effect, key?, run, verdict,
		       shown}], usage, ms, opaque?}: what the model said, written before anything of
		       it is done */
	EVENT_CALL_STARTED, /* {call}: a write is about to be sent */
	EVENT_RESULT,       /* {call, name, ok, result | reason, ms, unknown?} */
	EVENT_ESCALATED,    /* {kind: handoff|approval|review, reason, rule, summary?} */
	EVENT_TURN_ENDED,   /* {steps, tool_calls, usage, ms, outcome} */
	EVENT_KINDS
};

/* Who may see an event: bits of seen_by. */
enum {
	SEEN_BY_CUSTOMER = 1,
	SEEN_BY_DESK = 2,
	SEEN_BY_ADMIN = 4
};

struct event {
	int64_t seq; /* 1, 2, ... within its conversation */
	int64_t epoch;
	int64_t at;       /* ms since 1970 */
	const char *turn; /* NULL: outside of any */
	enum event_kind kind;
	const json_t *data;
};

const char *event_name(enum event_kind kind); /* "message", "turn.ended" */
int event_kind_named(const char *name);       /* -1: no such kind */
unsigned event_seen_by(enum event_kind kind);
/* What this viewer sees of the payload, a new reference; NULL: nothing, not even that it is there.
 */
json_t *event_view(const struct event *ev, unsigned viewer);

#endif
