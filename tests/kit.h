#ifndef TESTS_KIT_H
#define TESTS_KIT_H

#include "agent/agent.h"
#include "check.h"
#include "fake_provider.h"
#include "model/scripted.h"

/* An agent in a simulation, on a real log in a temporary folder, with a scripted model and tools
 * that do what their names say.  The bank outlives a crash: it is the company's system, not ours.
 *
 * - lookup_order, lookup_account, check_policy: reads of 1000 ms, answering {"tool": NAME}
 * - quick: a read of no time
 * - slow: a read that never answers (its timeout is 5000 ms)
 * - broken: a read that fails: "the shop is closed", may be tried again
 * - huge: a read that answers 100 KB
 * - private: a read that needs a verified customer
 * - refund {order_id}: a write of 500 ms; the bank does it once per key
 * - wire {order_id}: a write of 500 ms whose backend knows no keys */

struct bank {
	struct {
		char what[80]; /* "refund fd_..." */
		int times;
	} acts[512];
	int n;
	int running, running_most; /* reads at a time */
	char order[400];           /* what ended, in order: "quick refund " */
};

struct kit {
	struct world *world;
	struct store *store;
	struct conversations *all;
	struct agent *agent;
	struct agent_config config;
	const struct model *chain[2];
	struct model *model, *second;
	struct http_client *http; /* to the provider; NULL: the model is scripted */
	struct provider provider;
	struct fake_provider fake;
	json_t *script;
	struct bank *bank;
	char dir[64];
};

/* What plays the script: KIT_DIALECT in the environment is transcript (the model "scripted", the
 * default), or, in a simulation, anthropic, anthropic-whole, openai or openai-whole: a provider's
 * model over HTTP, streamed or not (fake_provider.h).  False: nothing comes before the whole. */
bool kit_streams(void);

/* script: the steps as JSON, e.g. [{"text":"hello"}].  The bank is the caller's. */
void kit_open(struct kit *k, struct world *w, struct bank *bank, const char *steps);
/* Another server on the same folder, after kit_close() or a crash, perhaps in another world. */
void kit_reopen(struct kit *k, struct world *w);
/* Change k->config between kit_open() and this; agents are cheap. */
void kit_restart_agent(struct kit *k);
void kit_close(struct kit *k);
void kit_remove(struct kit *k); /* the folder */

/* A new conversation of a verified customer; held until conversation_close(). */
struct conversation *kit_conversation(struct kit *k);
/* The customer says it; wait for the turn that answers; the reply, in mem. */
const char *kit_say(struct kit *k, struct arena *mem, struct conversation *c, const char *text);
/* Wait for the end of the open turn. */
void kit_wait(struct kit *k, struct conversation *c);
/* The log, read from the database. */
const struct event *kit_events(struct kit *k, struct arena *mem, struct conversation *c, int *n);
/* The nth (from 0) event of a kind, NULL: there are fewer. */
const struct event *kit_event(
    struct kit *k, struct arena *mem, struct conversation *c, enum event_kind kind, int nth);
int kit_count(struct kit *k, struct conversation *c, enum event_kind kind);
int bank_times(const struct bank *b, const char *tool); /* acts of this tool, all keys */

#endif
