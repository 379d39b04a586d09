#include "setup/agent_setup.h"

#include "base/text.h"
#include "model/builtin.h"
#include "model/scripted.h"
#include "setup/setup_tools.h"

#include <stdio.h>

/* The playbook is checked against the tools, so a tool that is wrong itself would be blamed
 * twice. */
static bool all_sound(const struct config *c)
{
	for (int i = 0; i < c->ntools; i++)
		if (!c->tools[i].sound)
			return false;
	return true;
}

static struct model_tool *model_tools(struct arena *mem, const struct toolbox *box)
{
	struct model_tool *list = arena_array(mem, struct model_tool, box->n);

	for (int i = 0; i < box->n; i++)
		list[i] = (struct model_tool){ .name = box->tools[i].name,
			.description = box->tools[i].description,
			.parameters = box->tools[i].parameters,
			.write = box->tools[i].effect == EFFECT_WRITE };
	return list;
}

struct telling {
	struct mistakes *m;
	const struct yaml *playbook;
};

/* "3:14: what": a place within the text at that path. */
static bool split_place(const char **message, int *line, int *column)
{
	int n = 0;

	if (sscanf(*message, "%d:%d: %n", line, column, &n) != 2 || !n)
		return false;
	*message += n;
	return true;
}

static void tell(void *self, const char *path, const char *message)
{
	const struct telling *t = self;
	const char *pointer = *path ? arena_printf(t->m->mem, "/%s", path) : "";
	struct place at = yaml_place(t->playbook, pointer);
	int line, column;

	if (yaml_is_cut(t->playbook, pointer))
		return;
	if (split_place(&message, &line, &column))
		yaml_place_line(t->playbook, pointer, line, column, &at);
	mistakes_add(t->m, at, yaml_path(t->playbook, pointer), "%s", message);
}

static struct model *make_builtin(struct mistakes *m, struct agent_setup *s)
{
	const struct config *c = s->config;
	struct telling t = { m, c->playbook };
	struct builtin_context ctx = { .script = s->script,
		.tools = model_tools(s->mem, &s->agent.tools),
		.ntools = s->agent.tools.n,
		.intents = c->intent_names,
		.patterns = c->patterns,
		.mistake = tell,
		.self = &t };

	struct model *model = NULL;

	if (!c->playbook)
		return NULL;
	if (c->intents && all_sound(c) && !yaml_spoiled(c->playbook, m))
		model = builtin_new(yaml_root(c->playbook), &ctx);
	yaml_refuse_cut(c->playbook, m);
	return model;
}

/* What the company's machines are asked through. */
static struct http_client *http(struct mistakes *m, struct agent_setup *s, const char *for_what)
{
	struct err e;

	if (!s->http)
		s->http = http_client_new(s->world, 0, &e);
	if (!s->http)
		yaml_mistake(s->config->agent, m, for_what, "no HTTP: %s", e.msg);
	return s->http;
}

static struct model *make_of_provider(
    struct mistakes *m, struct agent_setup *s, const struct model_entry *e)
{
	struct provider *p = &s->providers[e->provider];

	if (!p->client) {
		*p = s->config->providers[e->provider].with;
		p->world = s->world;
		p->client = http(m, s, "/providers");
	}
	return p->client ? provider_model_new(p, e->name, e->id, &e->can) : NULL;
}

static struct model *make_model(
    struct mistakes *m, struct agent_setup *s, const struct model_entry *e)
{
	switch (e->kind) {
	case MODEL_UNKNOWN: break;
	case MODEL_PROVIDER: return make_of_provider(m, s, e);
	case MODEL_BUILTIN: return make_builtin(m, s);
	case MODEL_SCRIPTED:
		return e->script ? scripted_new(yaml_root(e->script), "scripted") : NULL;
	}
	return NULL;
}

static const struct model *const *make_chain(
    struct agent_setup *s, const struct chain_entry *chain, int *n)
{
	const struct model **list = arena_array(s->mem, const struct model *, chain->n);

	*n = 0;
	for (int i = 0; i < chain->n; i++)
		if (s->models[chain->at[i]])
			list[(*n)++] = s->models[chain->at[i]];
	return list;
}

static void take_prices(struct agent_setup *s)
{
	const struct config *c = s->config;
	struct price_list *list = arena_array(s->mem, struct price_list, c->nmodels);

	for (int i = 0; i < c->nmodels; i++)
		if (c->models[i].prices)
			list[s->agent.nprices++] = *c->models[i].prices;
	s->agent.prices = list;
}

static void make_models(struct mistakes *m, struct agent_setup *s)
{
	const struct config *c = s->config;

	s->providers = arena_array(s->mem, struct provider, c->nproviders);
	s->models = arena_array(s->mem, struct model *, c->nmodels);
	for (int i = 0; i < c->nmodels; i++)
		s->models[i] = make_model(m, s, &c->models[i]);
	s->agent.chain = make_chain(s, &c->main, &s->agent.nchain);
	s->agent.router = make_chain(s, &c->router, &s->agent.nrouter);
	s->agent.strong = make_chain(s, &c->strong, &s->agent.nstrong);
	s->agent.strong_when = c->strong_when;
	take_prices(s);
}

static void take_over(struct agent_setup *s)
{
	const struct config *c = s->config;

	s->agent.instructions = c->prompt;
	s->agent.profile_tool = c->profile_tool;
	s->agent.limits = c->limits;
	s->agent.turns_max = c->turns_max;
	s->agent.intent_rules = c->intent_rules;
	s->agent.nintent_rules = c->nintent_rules;
	s->agent.intent_threshold = INTENTS_THRESHOLD;
	s->agent.not_cards = c->not_cards;
	s->agent.nnot_cards = c->nnot_cards;
}

static void make_tools(struct mistakes *m, struct agent_setup *s)
{
	for (int i = 0; i < s->config->ntools; i++)
		if (text_is(s->config->tools[i].kind_name, "http"))
			http(m, s, s->config->tools[i].pointer);
	setup_tools(m, s);
}

/* Something must be left for what is said. */
static void check_context(struct mistakes *m, const struct agent_setup *s)
{
	size_t standing;

	if (m->n)
		return;
	standing = agent_standing_bytes(&s->agent) / AGENT_BYTES_PER_TOKEN;
	if (standing * 2 > (size_t)s->agent.limits.context_tokens)
		yaml_mistake(s->config->agent, m, "/limits/context_tokens",
		    "prompt.md and the tools alone take about %zu of the %d tokens: allow at "
		    "least %zu",
		    standing, s->agent.limits.context_tokens, standing * 2);
}

static struct agent_setup *make(
    struct mistakes *m, struct world *w, const char *folder, const char *data, bool trial)
{
	struct agent_setup *s = arena_new_of(m->mem, struct agent_setup);

	s->mem = m->mem;
	s->world = w;
	s->config = config_load(m, folder);
	if (!s->config)
		return NULL;
	take_over(s);
	s->script = script_new(s->config->currency);
	setup_databases(m, s, w, data, trial);
	make_tools(m, s);
	make_models(m, s);
	check_context(m, s);
	if (!m->n)
		return s;
	agent_setup_close(s);
	mistakes_sort(m);
	return NULL;
}

struct agent_setup *agent_setup_open(
    struct mistakes *m, struct world *w, const char *folder, const char *data)
{
	return make(m, w, folder, data, false);
}

struct agent_setup *agent_setup_try(
    struct mistakes *m, struct world *w, const char *folder, const char *data)
{
	return make(m, w, folder, data, true);
}

void agent_setup_close(struct agent_setup *s)
{
	if (!s)
		return;
	for (int i = 0; s->models && i < s->config->nmodels; i++)
		if (s->models[i])
			s->models[i]->class->free(s->models[i]);
	http_client_free(s->http);
	setup_tools_close(s);
	script_free(s->script);
}
