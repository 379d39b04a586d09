#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "base/pattern.h"
#include "conversation/conversation.h"
#include "judge/intents.h"
#include "model/model.h"
#include "model/price.h"
#include "tool/tool.h"

#include <stdbool.h>
#include <stdint.h>

/* The agent: answers customers' messages, one turn at a time per conversation.
 *
 * A turn belongs to its conversation and not to the request that brought the message:
 * agent_message() writes the message down and nudges the conversation's runner, a fiber of
 * the agent's own scope; whoever wants the answer follows the conversation's log.  The
 * runner calls turn_run() (turn.c: the whole loop), which reads in the log where the turn
 * stands and goes on from there, after a crash too.
 *
 * struct agent is what an agent folder says, put together by setup/, and does not change. */

/* Hard, and each ends in an answer or with a person.  0: no such limit, but for steps, tool_calls,
 * parallel and turn_ms. */
struct limits {
	int steps, tool_calls, parallel;
	int identical_calls; /* with the same result, within a turn */
	int answer_tokens;
	int context_tokens;  /* of a prompt */
	int64_t turn_tokens; /* of all steps, in and out */
	/* Millionths of a US dollar; a day is UTC's. */
	int64_t turn_cost, conversation_cost, day_cost;
	int64_t turn_ms;
};

/* When models.strong is asked: the turn has so many calls, or so many that failed, of tools and
 * models together. */
struct strong_when {
	int tool_calls, failures;
};

/* An intent that always needs a person. */
struct intent_rule {
	const char *intent, *kind; /* kind: "handoff" or "review" */
};

struct agent_config {
	const char *instructions;
	/* Chains, tried in order; one struct model for each model, whatever chains name it. */
	const struct model *const *chain; /* models.main */
	int nchain;
	const struct model *const *router; /* models.router: who makes recaps; may be none */
	int nrouter;
	const struct model *const *strong; /* models.strong, and then main; none: always main */
	int nstrong;
	struct strong_when strong_when;
	const struct price_list *prices; /* of those that have one */
	int nprices;
	struct toolbox tools;
	const char *profile_tool; /* NULL: none declared */
	struct limits limits;
	int turns_max; /* without resolution, before a person is asked; 0: no such rule */
	const struct intent_rule *intent_rules;
	int nintent_rules;
	double intent_threshold;
	const struct pattern *const *not_cards; /* what an order id looks like */
	int nnot_cards;
};

/* Bytes of the instructions and tools, which are in every prompt; AGENT_BYTES_PER_TOKEN of them are
 * counted as a token, which is more than most texts need. */
#define AGENT_BYTES_PER_TOKEN 3
size_t agent_standing_bytes(const struct agent_config *config);

struct agent;

/* Waits: what was spent today is read from the log. */
struct agent *agent_new(
    struct conversations *all, const struct agent_config *config, struct err *e);
void agent_free(struct agent *a); /* after agent_stop() */

/* The classifier may come later than the agent: turns wait until this was called.  NULL: there is
 * none, messages have no intents.  The agent does not own it. */
void agent_intents(struct agent *a, const struct intents *m);
bool agent_ready(const struct agent *a);

/* Let the turns that were open when the process ended go on. */
int agent_resume(struct agent *a, struct err *e);
/* Cancel what runs and wait for it: open turns stay open in the log and go on at the next start. */
void agent_stop(struct agent *a);

/* The customer wrote something: filtered, appended, and durable when this returns; the turn is
 * nudged. *seq is the message's. */
int agent_message(struct agent *a, struct conversation *c, const char *content,
    const struct client_key *key, int64_t *seq, struct err *e);
/* See to it that the conversation's open turn, if there is one, is worked on. */
void agent_nudge(struct agent *a, struct conversation *c);

/* Nobody wants the answer any more: the turn that runs ends where it is.  A write that was sent is
 * awaited and stands in the log, what was shown stays; should the customer write meanwhile, that is
 * answered as ever.  false: none runs. */
bool agent_cancel(struct agent *a, struct conversation *c);

/* What the declared profile tool says of a customer, in mem; NULL with e: it could not be asked, or
 * there is no such customer, or none is declared. */
const json_t *agent_profile(
    struct agent *a, const char *customer_id, struct arena *mem, struct err *e);

/* For tests alone: called at named points of a turn ("write-done"); may block for ever. */
void agent_pause_at(struct agent *a, void (*fn)(void *self, const char *point), void *self);

#endif
