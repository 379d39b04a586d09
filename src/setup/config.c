#include "setup/config.h"

#include "base/nearest.h"
#include "base/text.h"
#include "model/builtin.h"
#include "setup/config_inside.h"
#include "setup/currency.h"
#include "setup/environment.h"
#include "setup/files.h"
#include "setup/shape.h"

#include <string.h>
#include <sys/stat.h>

bool config_spoiled(const struct mistakes *m, const struct config *c, const char *pointer)
{
	const char *path = yaml_path(c->agent, pointer), *file = yaml_place(c->agent, "").file;
	size_t n = strlen(path);

	for (int i = 0; i < m->n; i++) {
		const char *p = m->list[i].path;

		if (text_is(m->list[i].at.file, file) && text_starts(p, path) &&
		    (!p[n] || p[n] == '.' || p[n] == '['))
			return true;
	}
	return false;
}

static void read_currency(struct mistakes *m, struct config *c)
{
	const char *code = json_str(yaml_root(c->agent), "currency");

	c->currency = "USD";
	if (!code || config_spoiled(m, c, "/currency"))
		return;
	if (currency_known(code))
		c->currency = code;
	else
		yaml_mistake(c->agent, m, "/currency", "there is no currency %s (ISO 4217)", code);
}

static void read_limits(struct mistakes *m, struct config *c)
{
	const json_t *l = json_object_get(yaml_root(c->agent), "limits");

	c->limits = (struct limits){ .steps = (int)json_int(l, "steps", 12),
		.answer_tokens = (int)json_int(l, "answer_tokens", 2048),
		.context_tokens = (int)json_int(l, "context_tokens", 60000),
		.tool_calls = (int)json_int(l, "tool_calls", 40),
		.parallel = (int)json_int(l, "parallel", 8),
		.identical_calls = (int)json_int(l, "identical_calls", 3),
		.turn_tokens = json_int(l, "turn_tokens", 200000),
		.turn_ms = json_int(l, "turn_seconds", 120) * 1000 };
	if (config_spoiled(m, c, "/limits"))
		return;
	for (int i = 0; i < c->ntools; i++)
		if (c->tools[i].timeout_ms > c->limits.turn_ms)
			yaml_mistake(c->agent, m,
			    json_below(m->mem, c->tools[i].pointer, "timeout"),
			    "is longer than a whole turn may take (limits.turn_seconds)");
}

static void drop_pattern(void *p)
{
	pattern_free(p);
}

static struct pattern *read_pattern(
    struct mistakes *m, const struct config *c, const char *name, const char *source)
{
	const char *pointer = json_below(m->mem, "/patterns", name);
	struct pattern *p;
	size_t from, to;
	struct err e;

	p = pattern_new(source, &e);
	if (!p) {
		yaml_mistake(c->agent, m, pointer, "%s", e.msg);
		return NULL;
	}
	arena_defer(m->mem, drop_pattern, p);
	if (pattern_find(p, "", 0, 0, &from, &to))
		yaml_mistake(c->agent, m, pointer, "matches the empty text, and so everything");
	return p;
}

static void read_patterns(struct mistakes *m, struct config *c)
{
	const json_t *all = json_object_get(yaml_root(c->agent), "patterns");
	const struct pattern **list =
	    arena_array(m->mem, const struct pattern *, json_object_size(all));
	const char *name;
	json_t *source;

	c->patterns = json_is_object(all) ? all : NULL;
	c->not_cards = list;
	json_object_foreach (json_unconst(all), name, source) {
		const struct pattern *p = json_is_string(source)
					      ? read_pattern(m, c, name, json_string_value(source))
					      : NULL;

		if (p)
			list[c->nnot_cards++] = p;
	}
}

static void read_demo(struct mistakes *m, struct config *c)
{
	const json_t *all = json_object_get(yaml_root(c->agent), "demo");
	const char **ids = arena_array(m->mem, const char *, json_array_size(all));
	json_t *id;
	size_t i;

	c->demo = ids;
	json_array_foreach (all, i, id) {
		if (json_is_string(id))
			ids[c->ndemo++] = json_string_value(id);
	}
}

/* Currency, limits, patterns, demo. */
static void read_rest(struct mistakes *m, struct config *c)
{
	c->name = json_str_or(yaml_root(c->agent), "name", "");
	read_currency(m, c);
	read_limits(m, c);
	config_money(m, c);
	read_patterns(m, c);
	read_demo(m, c);
}

/* A file that only the embedded model needs may be absent where that model is not in the chain. */
static struct yaml *read_neighbour(struct mistakes *m, const struct config *c, const char *name)
{
	const char *path = file_path(m->mem, c->folder, name);
	bool needed = false;

	for (int i = 0; i < c->nmodels; i++)
		needed |= c->models[i].kind == MODEL_BUILTIN;
	if (needed && !file_exists(path)) {
		mistakes_add(m, (struct place){ .file = path }, "",
		    "is missing: the model builtin cannot do without it");
		return NULL;
	}
	return file_exists(path) ? file_yaml(m, path) : NULL;
}

static void read_neighbours(struct mistakes *m, struct config *c)
{
	c->prompt = file_text(m, file_path(m->mem, c->folder, "prompt.md"));
	c->intents = read_neighbour(m, c, "intents.yaml");
	if (c->intents)
		shape_intents(m, c->intents);
	c->playbook = read_neighbour(m, c, "playbook.yaml");
	if (c->playbook) {
		environment_expand(m, c->playbook);
		shape_check(m, c->playbook, builtin_schema);
	}
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

struct config *config_load(struct mistakes *m, const char *folder)
{
	struct config *c = arena_new_of(m->mem, struct config);

	c->folder = arena_strdup(m->mem, folder);
	if (is_file(folder)) {
		mistakes_add(m, (struct place){ .file = c->folder }, "",
		    "is a file: give the folder that it is in");
		return NULL;
	}
	c->agent = file_yaml(m, file_path(m->mem, folder, "agent.yaml"));
	if (!c->agent)
		return NULL;
	c->notes = mistakes_none(m->mem);
	config_keys(m, c);
	environment_expand(m, c->agent);
	shape_agent(m, c->agent);
	config_sources(m, c);
	config_providers(m, c);
	config_models(m, c);
	read_neighbours(m, c);
	config_intents(m, c);
	config_tools(m, c);
	read_rest(m, c);
	return c;
}
