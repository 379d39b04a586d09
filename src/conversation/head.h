#ifndef CONVERSATION_HEAD_H
#define CONVERSATION_HEAD_H

#include "conversation/event.h"

#include <stdbool.h>
#include <stdint.h>

/* The head: the bounded part of a conversation's state, folded from its events.
 *
 * state' = apply(state, event), one event at a time, and nothing else changes it.  The row in the
 * database caches it as JSON in the same transaction as the events, so a cold
 * conversation is read without its log; at any time folding the whole log gives the same
 * (a test does that).
 *
 * Under 4 KiB, whatever strangers write: messages and calls are in the log, texts are cut, and of
 * what has no bound by itself only so much is kept as these say, in bytes of JSON.  Whoever makes
 * such an event refuses more with words; here it is the last line.  Of a customer's record the
 * members that fit stay, the id is never cut: one that is too long binds nobody. */

#define HEAD_CUSTOMER_MAX 1024
#define HEAD_ID_MAX       832
#define HEAD_PROFILE_MAX  1400
#define HEAD_INTENTS_MAX  400
#define HEAD_RULES_MAX    6 /* that fired and nobody has looked at yet */

enum owner {
	OWNER_AI,
	OWNER_WAITING, /* a person must answer, none has come yet */
	OWNER_PERSON,
	OWNER_RESOLVED
};

const char *owner_name(enum owner o); /* "ai", "waiting", "person", "resolved" */

/* The heaviest that is pending; `rules` are all that are, so that none is reported twice. */
struct escalation {
	bool pending;
	char kind[12]; /* "handoff", "approval", "review"; "" when there was none */
	char rule[48];
	char reason[240];
	int64_t since;
	json_t *rules; /* names; NULL: none */
};

struct head {
	int64_t seq, epoch;
	enum owner owner;
	struct escalation escalation;
	json_t *customer;    /* {"id","name",...} or NULL: anonymous */
	char identity[12];   /* "anonymous", "email", "verified" */
	json_t *profile;     /* account facts, or NULL */
	bool profile_wanted; /* a customer was bound or a write was made since it was read */
	json_t *intents;     /* [{"name","p"}] of the last message */
	char channel[32], language[12];
	int64_t open_since;    /* seq of the first message that has no turn behind it; 0: none */
	int64_t last_customer; /* seq of the customer's last message; 0: none */
	int turns;             /* ended turns since the last resolution or release */
	int turns_all;         /* of the whole conversation */
	/* seq where its last turn ended, and the one before; 0: none */
	int64_t last_end, end_before;
	int64_t recap_upto; /* seq of the last event that a recap stands for; 0: there is none */
	bool card_asked;    /* by what we said last */
	int64_t steps, calls, input_tokens, output_tokens; /* of the whole conversation */
	int64_t cost; /* of all of it that has a price: millionths of a US dollar */
	int64_t created_at, updated_at;
};

void head_init(struct head *h);
void head_done(struct head *h);
void head_apply(struct head *h, const struct event *ev);

/* JSON for the row, in mem, and back.  head_read: -1 when it is not ours. */
char *head_write(const struct head *h, struct arena *mem);
int head_read(struct head *h, const json_t *j, struct err *e);

/* Has this rule fired, and nobody has looked yet? */
bool head_pending(const struct head *h, const char *rule);

/* The customer's id; NULL: nobody is bound. */
const char *head_customer_id(const struct head *h);

#endif
