#ifndef MODEL_BUILTIN_H
#define MODEL_BUILTIN_H

#include "model/model.h"
#include "script/script.h"

/* The embedded model: needs no network, answers from playbook.yaml.
 *
 * A playbook says per intent what to look up, on which condition to do what, and what to
 * say (docs/playbook.md has every key).  The intents of the message come in the
 * request.  Each step is computed afresh from the calls done so far: look up what is
 * missing, then take the first case that holds, then do what it says; so a crash in mid-turn
 * costs nothing.  What it asked the customer (which order? shall I?) goes out as `opaque` and
 * comes back with the next message.
 *
 * What it cannot do it hands over by calling escalate_to_human. */

/* What the playbook needs to know of the agent it belongs to, to find mistakes. */
struct builtin_context {
	struct script *script;
	const struct model_tool *tools;
	int ntools;
	const char *const *intents; /* names in intents.yaml; NULL ends the list */
	const json_t
	    *patterns; /* {"order_id": "FW-[0-9]{4,}"}: what a slot's value looks like; or NULL */
	/* Called for each mistake: path within the playbook ("intents/refund/cases/0/when") and
	 * what is wrong. */
	void (*mistake)(void *self, const char *path, const char *message);
	void *self;
};

/* playbook: the file as JSON, of the right shape already (builtin_schema).  NULL when there was a
 * mistake. */
struct model *builtin_new(const json_t *playbook, const struct builtin_context *ctx);

extern const char builtin_schema[]; /* JSON Schema of playbook.yaml */

#endif
