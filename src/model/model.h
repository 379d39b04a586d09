#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "conversation/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A model: given what was said and what may be called, says text or asks for calls.
 *
 * A kind of model is one const struct model_class and a file of its own: builtin (the playbook),
 * scripted (says what a file tells it, for tests and benches), anthropic and openai (providers,
 * over HTTP).  It knows nothing of tools, stores or conversations beyond this request, and it
 * never runs a call.
 *
 * complete() is one step, asked once: who asks again, or somebody else, is route.h.  It may wait
 * and has no state between calls but its configuration: all it may remember of earlier steps is in
 * the request (its own `opaque` comes back), so a step can be asked again after a crash. */

struct model_tool {
	const char *name, *description;
	const json_t *parameters; /* JSON Schema */
	bool write;
};

struct model_intent {
	const char *name;
	double p;
};

/* A call of this turn that already has its result. */
struct model_done {
	const char *name;
	const char *by; /* the model that asked for it; NULL: the one that is asked now */
	const json_t *arguments;
	bool ok;
	const json_t *value; /* NULL unless ok */
	const char *reason;  /* why not, when not ok */
	bool unknown;        /* not ok, and nobody knows whether it was done */
};

struct model_request {
	/* Byte-identical from turn to turn (design rule 6). */
	const char *instructions;
	const struct model_tool *tools;
	int ntools;
	/* All that was said, legal to send: wire_bytes() for what is closed, wire_tail() for the
	 * rest.  The state belongs behind the first `state_after` of the closed messages, right
	 * after the customer's newest, so that nothing follows open results. */
	struct wire *history;
	int state_after;
	/* This turn: what the customer wrote that is not answered yet, in one text; its intents;
	 * the calls done so far. */
	const char *message;
	const struct model_intent *intents;
	int nintents;
	const struct model_done *done;
	int ndone;
	/* What this model left in its last step before this turn; NULL: nothing. */
	const json_t *opaque;
	/* What changes:
	 * {"customer":{...}|null,"profile":{...}|null,"owner",
	 * "escalation":{"kind","rule","reason","rules"}|null,"now","language"}.  NULL: there is
	 * none, it is no customer's turn. */
	const json_t *state;
	bool final;               /* no calls any more: answer with what there is */
	const char *conversation; /* its id */
	int64_t step;             /* so many steps the conversation had before this one */
	int answer_tokens;        /* the longest answer */
};

struct model_call {
	const char *id; /* the provider's; may be NULL or empty: the agent gives its own */
	const char *name;
	const json_t *arguments; /* NULL: no JSON object came */
};

enum model_stop {
	MODEL_DONE,
	MODEL_CALLS, /* there are calls to run */
	MODEL_CUT,   /* the answer was cut off: its calls must not run */
};

/* As the provider counted; 0 where it did not. */
struct model_usage {
	int64_t input_tokens; /* all of the prompt: what was cached and what was not */
	int64_t cache_read_tokens, cache_write_tokens; /* parts of it */
	int64_t output_tokens;
};

/* Why there is no answer, for whoever decides whether to ask again or somebody else. */
enum model_fault {
	MODEL_FAULT_NONE,
	MODEL_FAULT_NETWORK, /* no connection, too slow, cut off, not understood: try again */
	MODEL_FAULT_BUSY,    /* overloaded or a rate limit: try again, after retry_ms */
	MODEL_FAULT_ACCOUNT, /* key, permission, quota or bill: until somebody sees to it */
	MODEL_FAULT_REQUEST, /* it does not take this request, nor would it a second time */
	MODEL_FAULT_CONTEXT, /* the prompt is too long for it */
	MODEL_FAULT_REFUSED, /* it declined to answer; what it said before counts for nothing */
};

struct model_answer {
	enum model_stop stop;
	const char *text; /* "" when there is none */
	const struct model_call *calls;
	int ncalls;
	struct model_usage usage;
	const json_t *opaque; /* to come back next time; NULL: nothing */
	/* Where complete() failed: why, and how long the provider asks to be left alone (-1: it did
	 * not say). */
	enum model_fault fault;
	int64_t retry_ms;
};

/* Where text goes while it is being said; `text` NULL: nobody reads along.  A model without a
 * stream need not call it: the answer has the text.  -1: nobody wants more; complete() returns -1
 * with this error. */
struct model_sink {
	int (*text)(void *self, const char *s, size_t n, struct err *e);
	/* The provider paused, and to go on it must be asked again, which is paid for again: after
	 * so much used, may it be?  -1: no, and the answer is what there is, cut.  NULL: it may. */
	int (*more)(void *self, const struct model_usage *used, struct err *e);
	void *self;
};

struct model;

struct model_class {
	const char *name;
	/* 0: *out is filled, all of it in mem.  -1: no answer; nothing of it counts. */
	int (*complete)(const struct model *m, const struct model_request *r,
	    const struct model_sink *sink, struct arena *mem, struct model_answer *out,
	    struct err *e);
	void (*free)(struct model *m);
	bool takes_no_tokens; /* it costs nothing: no limit of tokens or money is about it */
};

/* First member of each provider's own struct. */
struct model {
	const struct model_class *class;
	const char *name; /* as in models.main: "builtin", "scripted" */
	int more_tokens;  /* what it may write beyond a request's answer_tokens: it thinks */
};

#endif
