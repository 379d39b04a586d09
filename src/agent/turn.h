#ifndef AGENT_TURN_H
#define AGENT_TURN_H

#include "agent/agent.h"
#include "agent/reply.h"
#include "base/map.h"
#include "model/route.h"

/* What the files of a turn share.  turn.c is the loop; the others are its steps. */

/* What all turns of a day (UTC) cost together, so that they see each other. */
struct spending {
	int64_t day;
	int64_t spent, reserved; /* millionths of a US dollar */
	bool told;               /* that the day's limit was reached */
};

struct agent {
	struct conversations *all;
	struct world *world;
	struct agent_config config;
	const struct intents *intents; /* NULL: none is used */
	bool judges;                   /* it is known whether one is used */
	struct signal ready;           /* the classifier has come */
	struct scope scope;            /* of all runners */
	struct map turns;              /* that run, by their conversations' ids */
	struct routes *routes;
	const struct route *main, *router, *strong; /* strong NULL: none is configured */
	struct spending spending;
	struct model_tool *model_tools;
	struct schema **schemas; /* of the tools' arguments, in the toolbox's order */
	size_t standing_bytes;   /* of the instructions and tools, which are in every prompt */
	void (*pause)(void *self, const char *point);
	void *pause_self;
};

struct reply;

struct turn {
	struct agent *agent;
	struct conversation *c;
	struct arena *mem;
	char id[24];
	int64_t judged; /* seq of the last customer message whose intents are known */
	int before; /* calls that were there when we took the turn up: they may have been sent */
	int64_t deadline;
	struct scope *scope;   /* all of it runs in this */
	int64_t canceled_for;  /* the message that is not to be answered any more; 0: none */
	int failures;          /* of models, since we took it up */
	int shortened;         /* how often a model said that the prompt is too long for it */
	struct usage unlogged; /* what was used and stands in no event yet */
	int64_t reserved;      /* for the attempt under way */
	const char *limit;     /* the rule that kept a model from being asked; NULL: none did */
	bool aside;            /* no step of the open turn is asked for, but a recap */
	const json_t *state;   /* for the model, as of this event */
	int64_t state_of;
};

/* turn.c.  0: the conversation has no open turn any more.  -1: it could not go on now (stopped,
 * broken, crashed); the log says where it stands. */
int turn_run(struct agent *a, struct conversation *c, struct err *e);

/* Append events of this turn; -1: the conversation is broken. */
int turn_append(struct turn *t, const struct draft *d, int n, struct err *e);
static inline const struct turn_log *turn_log(const struct turn *t)
{
	return conversation_turn(t->c);
}
static inline const struct head *turn_head(const struct turn *t)
{
	return conversation_head(t->c);
}
void turn_pause(struct turn *t, const char *point);

/* prompt.c: the request for the next step, all of it in mem. */
void prompt_build(struct turn *t, bool final, struct model_request *out);
/* Bytes of text in it, about what a model must read. */
size_t prompt_weight(struct turn *t);
/* What the customer wrote in this turn, in one text. */
const char *prompt_message(struct turn *t);
/* The customer's record and what is vouched for, for tools. */
struct caller prompt_caller(struct turn *t);

/* ask.c: the chains, from the configuration. */
void ask_open(struct agent *a);
void ask_close(struct agent *a);
/* Ask the models for a step, the strong ones where the turn is hard.  As route_complete(). */
int ask(struct turn *t, struct model_request *r, struct reply *reply, struct model_answer *answer,
    struct route_outcome *out, struct err *e);

/* budget.c: tokens and money.  What an attempt may use is reserved before it, and given back for
 * what it did use after it. */
int budget_open(struct agent *a, struct err *e);
int budget_reserve(
    struct turn *t, const struct model *m, const struct model_request *r, struct err *e);
/* It is to be asked once more within the same attempt, which used so much already. */
int budget_more(struct turn *t, const struct model *m, const struct model_request *r,
    const struct model_usage *so_far, struct err *e);
void budget_settle(struct turn *t, const struct model *m, const struct model_request *r,
    const struct model_answer *answer, bool ok);

/* calls.c: the model's calls as the log keeps them, checked, with keys; running what is open. */
json_t *calls_propose(struct turn *t, const struct model_answer *answer);
int calls_run(struct turn *t, struct err *e);

/* profile.c: read the account facts if somebody wants them. */
int profile_refresh(struct turn *t, struct err *e);

/* escalate.c: the event, for a change with others. */
json_t *escalation_event(
    struct turn *t, const char *kind, const char *rule, const char *reason, const char *summary);
/* The rules that fire on what the customer wrote: intents that need a person, too many turns. */
int escalate_on_message(struct turn *t, struct err *e);
/* The rule that fires when the turn ends (something the agent needed was not to be had): the event,
 * for the change that ends it; NULL: nothing. */
json_t *escalation_at_end(struct turn *t);

/* reply.c: sentences on their way to whoever reads along. */
struct reply {
	struct turn *turn;
	int64_t run;
	struct buf text; /* all of this run */
	size_t released; /* of it, shown already */
	bool held;       /* a sentence was kept back: so is all that follows */
	bool failed;     /* broken or cancelled while a sentence was on its way */
};

void reply_begin(struct reply *r, struct turn *t);
struct model_sink reply_sink(struct reply *r);
void reply_done(struct reply *r);

#endif
