/* models: who answers.  A chain may name the models of providers; one whose provider has no key is
 * passed over, with a note. */
#include "setup/config_inside.h"

#include "base/nearest.h"
#include "base/text.h"
#include "model/scripted.h"
#include "setup/files.h"
#include "setup/shape.h"

#include <string.h>

#define CHAIN_MAX 8 /* links; the schema says so too */

static struct yaml *read_script(
    struct mistakes *m, const struct config *c, const char *pointer, const char *name)
{
	const char *path = file_path(m->mem, c->folder, name);
	struct yaml *y;

	if (!*name || !file_exists(path)) {
		yaml_mistake(c->agent, m, pointer, "there is no file %s", path);
		return NULL;
	}
	y = file_yaml(m, path);
	if (y)
		shape_check(m, y, scripted_schema);
	return y;
}

/* "claude/claude-sonnet-5-5": what is behind the first slash is the provider's own name for it. */
static void read_provider_model(
    struct mistakes *m, const struct config *c, const char *slash, struct model_entry *e)
{
	const char *name = arena_strndup(m->mem, e->name, (size_t)(slash - e->name));
	struct nearest near = nearest_to(name);
	char hint[100];

	for (int i = 0; i < c->nproviders; i++) {
		const struct provider_entry *p = &c->providers[i];

		nearest_try(&near, p->name);
		if (!text_is(p->name, name))
			continue;
		e->kind = MODEL_PROVIDER;
		e->provider = i;
		e->id = slash + 1;
		capabilities_default(
		    &e->can, p->with.api, provider_host(m->mem, p->with.base_url), e->id);
		capabilities_read(&e->can, json_object_get(p->models, e->id));
	}
	if (e->kind == MODEL_UNKNOWN)
		yaml_mistake(c->agent, m, e->pointer, "there is no provider \"%s\"%s", name,
		    nearest_hint(&near, hint, sizeof(hint)));
	else if (!*e->id)
		yaml_mistake(c->agent, m, e->pointer, "expected %s/MODEL", name);
}

static struct model_entry read_model(
    struct mistakes *m, const struct config *c, const char *pointer, const char *name)
{
	struct model_entry e = { .pointer = pointer, .name = name };
	struct nearest near = nearest_to(name);
	char hint[100];

	if (text_is(name, "builtin")) {
		e.kind = MODEL_BUILTIN;
	} else if (text_starts(name, "scripted:")) {
		e.kind = MODEL_SCRIPTED;
		e.script = read_script(m, c, pointer, name + strlen("scripted:"));
	} else if (strchr(name, '/')) {
		read_provider_model(m, c, strchr(name, '/'), &e);
	} else {
		nearest_try(&near, "builtin");
		yaml_mistake(c->agent, m, pointer,
		    "expected PROVIDER/MODEL, builtin or scripted:FILE%s",
		    nearest_hint(&near, hint, sizeof(hint)));
	}
	return e;
}

/* Its provider has no key: pass it over, and say so. */
static bool pass_over(const struct model_entry *e, struct config *c)
{
	const struct provider_entry *p =
	    e->kind == MODEL_PROVIDER ? &c->providers[e->provider] : NULL;

	if (!p || !p->unset)
		return false;
	yaml_mistake(c->agent, &c->notes, e->pointer,
	    "%s is passed over: the environment variable %s, the key of %s, is not set", e->name,
	    p->unset, p->name);
	return true;
}

/* Its place among the models, each of which is there once, whatever chains name it; -1: it is
 * passed over. */
static int place_of(struct mistakes *m, struct config *c, struct model_entry *list,
    const char *pointer, const char *name)
{
	for (int i = 0; i < c->nmodels; i++)
		if (list[i].kind != MODEL_UNKNOWN && text_is(list[i].name, name))
			return i;
	list[c->nmodels] = read_model(m, c, pointer, name);
	return pass_over(&list[c->nmodels], c) ? -1 : c->nmodels++;
}

/* One model or a list of them. */
static struct chain_entry read_chain(
    struct mistakes *m, struct config *c, struct model_entry *list, const char *key)
{
	const json_t *all = json_object_get(json_object_get(yaml_root(c->agent), "models"), key);
	const char *pointer = json_below(m->mem, "/models", key);
	bool many = json_is_array(all);
	size_t n = many ? json_array_size(all) : all != NULL;
	int *at = arena_array(m->mem, int, n + 1);
	struct chain_entry chain = { .at = at };

	for (size_t i = 0; i < n && i < CHAIN_MAX; i++) {
		const json_t *one = many ? json_array_get(all, i) : all;
		int place = !json_is_string(one)
				? -1
				: place_of(m, c, list,
				      many ? json_below_index(m->mem, pointer, i) : pointer,
				      json_string_value(one));

		if (place >= 0)
			at[chain.n++] = place;
	}
	return chain;
}

/* The embedded model where none is named.  Where some are, and none of them can be asked, it is for
 * the operator to say so: it would answer in another way.  The models are checked to the end even
 * then. */
static void last_resort(struct mistakes *m, struct config *c, struct model_entry *list)
{
	const json_t *main =
	    json_object_get(json_object_get(yaml_root(c->agent), "models"), "main");
	int *at = arena_array(m->mem, int, 1);

	if (main && !config_spoiled(m, c, "/models/main"))
		yaml_mistake(c->agent, m, "/models/main",
		    "nobody could answer: no provider named here has its key (%s); set it, or add "
		    "builtin",
		    c->notes.list[c->notes.n - 1].message);
	*at = c->nmodels;
	list[c->nmodels++] = (struct model_entry){ .kind = main ? MODEL_UNKNOWN : MODEL_BUILTIN,
		.pointer = "/models",
		.name = "builtin" };
	c->main = (struct chain_entry){ at, 1 };
}

static void read_strong_when(struct mistakes *m, struct config *c)
{
	const json_t *models = json_object_get(yaml_root(c->agent), "models"),
		     *when = json_object_get(models, "strong_when");

	c->strong_when = (struct strong_when){ (int)json_int(when, "tool_calls", 10),
		(int)json_int(when, "failures", 2) };
	if (when && !json_object_get(models, "strong"))
		yaml_mistake(c->agent, m, "/models/strong_when",
		    "says when models.strong is asked, and there is no models.strong");
}

static bool is_used(const struct config *c, int provider, const char *id)
{
	for (int i = 0; i < c->nmodels; i++)
		if (c->models[i].kind == MODEL_PROVIDER && c->models[i].provider == provider &&
		    text_is(c->models[i].id, id))
			return true;
	return false;
}

/* What is said of a model that nobody asks is a slip in its name more often than not. */
static void note_unused(struct mistakes *m, struct config *c, int provider)
{
	const struct provider_entry *p = &c->providers[provider];
	const char *models = json_below(m->mem, p->pointer, "models"), *id;
	json_t *said;

	json_object_foreach (json_unconst(p->models), id, said) {
		if (!p->unset && !is_used(c, provider, id))
			yaml_mistake(c->agent, &c->notes, json_below(m->mem, models, id),
			    "no chain of models has %s/%s", p->name, id);
	}
}

void config_models(struct mistakes *m, struct config *c)
{
	struct model_entry *list = arena_array(m->mem, struct model_entry, 3 * CHAIN_MAX + 1);

	c->models = list;
	c->main = read_chain(m, c, list, "main");
	if (!c->main.n)
		last_resort(m, c, list);
	c->router = read_chain(m, c, list, "router");
	c->strong = read_chain(m, c, list, "strong");
	read_strong_when(m, c);
	for (int i = 0; i < c->nproviders; i++)
		note_unused(m, c, i);
	config_prices(m, c, list);
}
