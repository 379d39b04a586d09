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
	EVENT_CREATED,    /* {customer?, identity, channel?, external_id?, subject?} */
	EVENT_IDENTIFIED, /* {customer, identity}: bound once */
	EVENT_PROFILE,    /* {profile, reason?}: account facts from the declared tool, null when it
			     failed */
	EVENT_MESSAGE,    /* {role: customer|ai|person|system, author?, content, masked?, interim?};
			     interim: so many bytes of it were said by earlier steps of the turn */
	EVENT_PART,       /* {content, run}: a sentence of a reply on its way, already shown */
	EVENT_INTENTS,    /* {intents: [{name, p}]} of what the customer wrote */
	EVENT_STEP, /* {n, run, model, text?, calls: [{id, name, arguments, effect, shown, key?,
		       refused?, limit?}], usage, cost, ms, attempts?, opaque?, cut?, superseded?,
		       empty?}: what the model said, written before any of it is done.  Without
		       calls its text is shown by the message that follows, or, superseded (by a
		       newer message of the customer's, or since it is empty), by none */
	EVENT_CALL_STARTED, /* {call}: a write that may not be repeated is about to be sent */
	EVENT_RESULT,       /* {call, name, ok, write, result | reason, retry?, unknown?, ms} */
	EVENT_ESCALATED,    /* {kind: handoff|approval|review, reason, rule, summary?} */
	EVENT_TURN_ENDED, /* {answered, steps, tool_calls, usage, cost, lost_cost?, ms, outcome} */
	EVENT_RECAP, /* {text, upto, turns, by, usage, cost, ms}: bullet points that stand for all
			up to the event `upto`, the end of a turn, in what a model is given; so many
			turns are covered; by: a model's name, or "extract" */
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
/* What this viewer sees of the payload, a new reference; NULL: not even that it is there. */
json_t *event_view(const struct event *ev, unsigned viewer);

#endif
