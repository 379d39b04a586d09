#ifndef MODEL_PROVIDER_H
#define MODEL_PROVIDER_H

#include "fiber/world.h"
#include "model/capabilities.h"
#include "model/model.h"
#include "net/http_client.h"

#include <stdbool.h>
#include <stdint.h>

/* Models of providers, over HTTP: Anthropic's Messages and OpenAI's Chat Completions, which many
 * others speak too.
 *
 * A request is written, not built: instructions and tools are rendered once a model and kept as
 * bytes, each message of a history once (wire.h), and a body is these behind one another.  What
 * changes from turn to turn (the state, the time) is a message of its own behind the customer's
 * newest, so that all before it stays what the provider has in its cache.
 *
 * What a customer, a person or a tool says goes out as it is, but for "<state", "<note" and
 * "<recap": these open what the server tells the model, and nobody else writes them.
 *
 * One attempt a call, and no attempt is made again.  Errors name the host, the status, the type and
 * the request's id; never the key, nor a word of the request. */

enum provider_auth {
	AUTH_NONE,
	AUTH_BEARER,    /* Authorization: Bearer KEY */
	AUTH_X_API_KEY, /* x-api-key: KEY */
	AUTH_API_KEY,   /* api-key: KEY, as Azure wants it */
};

/* What stands under providers.NAME.  It outlives its models. */
struct provider {
	const char *name; /* "claude" */
	enum model_api api;
	const char *base_url; /* with its /v1; a query stays behind the path */
	enum provider_auth auth;
	const char *key;                 /* NULL: none */
	const char *version;             /* anthropic-version */
	const struct http_field *fields; /* beside ours */
	int nfields;
	bool stream;
	int64_t connect_ms, first_byte_ms, silence_ms; /* 0: as http_client.h has it */
	struct world *world;
	struct http_client *client;
};

/* name: "claude/claude-sonnet-5-5", id: what the provider calls it.  Both outlive the model. */
struct model *provider_model_new(
    const struct provider *p, const char *name, const char *id, const struct capabilities *can);

const char *provider_default_url(enum model_api api);
/* "api.openai.com" of a base_url, in mem. */
const char *provider_host(struct arena *mem, const char *base_url);

#endif
