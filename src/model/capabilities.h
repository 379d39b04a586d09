#ifndef MODEL_CAPABILITIES_H
#define MODEL_CAPABILITIES_H

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

/* What one model of one provider takes, and in which words.
 *
 * Providers that speak the same dialect refuse each other's requests: a field that one wants the
 * other answers with 400.  The defaults come from a table by host and by the model's name
 * (capabilities.c); what the operator writes under providers.NAME.models goes over them.  A model
 * that is in no row gets what the fewest refuse. */

enum api {
	API_ANTHROPIC, /* Messages */
	API_OPENAI,    /* Chat Completions */
};

struct capabilities {
	const char *token_field;       /* how the longest answer is called */
	const char *effort;            /* NULL: not said */
	const char *effort_with_tools; /* what is said instead when there are tools; NULL: effort */
	const char *thinking;          /* "adaptive", "disabled", "between_tools"; NULL: not said */
	int thinking_budget;           /* tokens, instead of the above; 0: none */
	int thinking_tokens;           /* room on top of limits.answer_tokens */
	const json_t *sampling;        /* {"temperature": 0.2}; NULL: nothing is sent */
	int parallel_calls;            /* 1, 0; -1: not said */
	bool cache_control;            /* marks for the provider's cache */
	bool cache_key;                /* prompt_cache_key: the conversation */
	bool system_in_history;        /* takes system messages behind customers' */
	bool alternate;                /* customer and model must take turns strictly */
	bool reasoning_replay;         /* wants its reasoning back */
	bool usage_option;             /* must be asked for its usage */
	bool short_ids;                /* ids of calls: nine letters and digits */
};

/* host: "api.openai.com". */
void capabilities_default(
    struct capabilities *c, enum api api, const char *host, const char *model);
/* What stands under providers.NAME.models.ID, of the right shape already; it must outlive c. */
void capabilities_read(struct capabilities *c, const json_t *entry);

extern const char capabilities_schema[]; /* of such an entry, as YAML */

#endif
