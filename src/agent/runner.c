#include "agent/recap.h"
#include "agent/turn.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/schema.h"
#include "base/text.h"
#include "conversation/cards.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_MS 1000 /* after the log could not be written */

static void schemas_free(struct agent *a)
{
	for (int i = 0; a->schemas && i < a->config.tools.n; i++)
		schema_free(a->schemas[i]);
	free(a->schemas);
}

size_t agent_standing_bytes(const struct agent_config *config)
{
	size_t n = strlen(config->instructions);

	for (int i = 0; i < config->tools.n; i++)
		n += strlen(config->tools.tools[i].name) +
		     strlen(config->tools.tools[i].description) +
		     json_size(config->tools.tools[i].parameters);
	return n;
}

static int prepare_tools(struct agent *a, struct err *e)
{
	const struct toolbox *box = &a->config.tools;

	a->standing_bytes = agent_standing_bytes(&a->config);
	a->model_tools = mem_alloc(sizeof(*a->model_tools) * (size_t)box->n);
	a->schemas = mem_alloc(sizeof(*a->schemas) * (size_t)box->n);
	for (int i = 0; i < box->n; i++) {
		const struct tool *t = &box->tools[i];

		a->model_tools[i] = (struct model_tool){ .name = t->name,
			.description = t->description,
			.parameters = t->parameters,
			.write = t->effect == EFFECT_WRITE };
		a->schemas[i] = schema_compile(t->parameters, e);
		if (!a->schemas[i])
			return err_wrap(e, "parameters of tool %s", t->name);
	}
	return 0;
}

struct agent *agent_new(struct conversations *all, const struct agent_config *config, struct err *e)
{
	struct agent *a = mem_new(struct agent);

	a->all = all;
	a->world = conversations_world(all);
	a->config = *config;
	signal_init(&a->ready);
	ask_open(a);
	if (prepare_tools(a, e) < 0 || budget_open(a, e) < 0) {
		agent_free(a);
		return NULL;
	}
	scope_open_root(&a->scope);
	return a;
}

void agent_free(struct agent *a)
{
	if (!a)
		return;
	ask_close(a);
	schemas_free(a);
	free(a->model_tools);
	map_done(&a->turns);
	free(a);
}

void agent_stop(struct agent *a)
{
	scope_cancel(&a->scope);
	scope_join(&a->scope);
}

void agent_intents(struct agent *a, const struct intents *m)
{
	a->intents = m;
	a->judges = true;
	signal_wake_all(&a->ready);
}

bool agent_ready(const struct agent *a)
{
	return a->judges;
}

void agent_pause_at(struct agent *a, void (*fn)(void *self, const char *point), void *self)
{
	a->pause = fn;
	a->pause_self = self;
}

static bool has_work(struct conversation *c)
{
	return conversation_head(c)->open_since > 0;
}

struct run {
	struct agent *agent;
	struct conversation *c;
};

/* The conversation in memory was ahead of a log that could not be written: take it up again from
 * there, however long the log is not to be had.  NULL: we are stopped, somebody else has taken it
 * up, or nothing of it was ever durable. */
static struct conversation *reopen(struct agent *a, struct conversation *c, struct err *e)
{
	char id[WORLD_ID_SIZE];

	strcpy(id, conversation_id(c));
	*conversation_running(c) = false;
	conversation_close(c);
	do {
		if (fiber_sleep(RETRY_MS, e) < 0)
			return NULL;
		c = conversation_open(a->all, id, e);
		if (!c && e->code != ERR_NOT_FOUND)
			log_warn("conversation %s cannot go on yet: %s", id, e->msg);
	} while (!c && e->code != ERR_NOT_FOUND);
	if (c && *conversation_running(c)) {
		conversation_close(c);
		return NULL;
	}
	if (c)
		*conversation_running(c) = true;
	return c;
}

/* The next thing to do.  0: done; what is then left to do is seen by asking again. */
static int go_on(struct agent *a, struct conversation *c, struct err *e)
{
	if (!has_work(c))
		return conversation_settle(c, conversation_head(c)->seq, e);
	if (!a->judges)
		return signal_wait(&a->ready, FOREVER, e);
	recap_between_turns(a, c);
	if (turn_run(a, c, e) < 0)
		return -1;
	recap_between_turns(a, c);
	return 0;
}

static bool over(struct conversation *c)
{
	return !has_work(c) && conversation_committed(c) == conversation_head(c)->seq;
}

/* One at a time per conversation; ends when there is nothing to answer and the last answer is
 * durable: until then it may have to be given again. */
static void run(void *arg)
{
	struct run *r = arg;
	struct agent *a = r->agent;
	struct conversation *c = r->c;
	struct err e = { 0 };

	free(r);
	while (c && !over(c)) {
		if (go_on(a, c, &e) == 0)
			continue;
		if (fiber_check(&e) < 0)
			break;
		log_warn("conversation %s: %s: its turn begins again", conversation_id(c), e.msg);
		c = reopen(a, c, &e);
	}
	if (!c)
		return;
	*conversation_running(c) = false;
	conversation_close(c);
}

void agent_nudge(struct agent *a, struct conversation *c)
{
	struct run *r;

	if (*conversation_running(c) || !has_work(c))
		return;
	*conversation_running(c) = true;
	r = mem_new(struct run);
	*r = (struct run){ a, conversation_ref(c) };
	scope_go(&a->scope, run, r);
}

int agent_resume(struct agent *a, struct err *e)
{
	struct arena *mem = arena_new();
	const char *const *ids;
	int n, result = conversations_unfinished(a->all, mem, &ids, &n, e);

	for (int i = 0; result == 0 && i < n; i++) {
		struct conversation *c = conversation_open(a->all, ids[i], e);

		if (!c) {
			log_error("conversation %s cannot go on: %s", ids[i], e->msg);
			continue;
		}
		agent_nudge(a, c);
		conversation_close(c);
	}
	if (result == 0 && n)
		log_info("%d open turns go on", n);
	arena_free(mem);
	return result;
}

int agent_message(struct agent *a, struct conversation *c, const char *content,
    const struct client_key *key, int64_t *seq, struct err *e)
{
	struct arena *mem = arena_new();
	bool masked;
	json_t *data = json_pack("{ss ss}", "role", "customer", "content",
	    cards_mask(mem, content, a->config.not_cards, a->config.nnot_cards,
		conversation_head(c)->card_asked, &masked));

	arena_free(mem);
	if (!data)
		return err_set(e, ERR_INVALID, "the message is not UTF-8");
	if (masked)
		json_object_set_new(data, "masked", json_true());
	*seq = conversation_append(c, &(struct draft){ EVENT_MESSAGE, data, NULL }, 1, key, e);
	if (*seq < 0)
		return -1;
	agent_nudge(a, c);
	return conversation_settle(c, *seq, e);
}
