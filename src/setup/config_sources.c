/* store, models and databases: where things are.  Paths of databases are below the data folder,
 * files that come with the agent are below its own. */
#include "setup/config_inside.h"

#include "base/nearest.h"
#include "base/text.h"
#include "model/scripted.h"
#include "setup/files.h"
#include "setup/shape.h"

#include <string.h>

#define CHAIN_MAX    8 /* links; the schema says so too */
#define INIT_LARGEST (16 * 1024 * 1024)

/* "sqlite:FILE" gives FILE; anything else is a mistake there, and NULL. */
static const char *sqlite_file(
    struct mistakes *m, const struct config *c, const char *pointer, const char *url)
{
	if (text_starts(url, "sqlite:") && url[7])
		return url + 7;
	if (text_starts(url, "postgresql:") || text_starts(url, "postgres:"))
		yaml_mistake(c->agent, m, pointer, "PostgreSQL: not available yet");
	else
		yaml_mistake(c->agent, m, pointer, "expected sqlite:FILE");
	return NULL;
}

static void read_store(struct mistakes *m, struct config *c)
{
	const char *url = json_str_or(yaml_root(c->agent), "store", "sqlite:frontdesk.db");
	const char *file = sqlite_file(m, c, "/store", url);

	c->store = file ? file : "frontdesk.db";
}

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

static struct model_entry read_model(
    struct mistakes *m, const struct config *c, const char *pointer, const char *name)
{
	struct model_entry e = { .pointer = pointer, .name = name };
	struct nearest near = nearest_to(name);
	char hint[100];

	if (text_is(name, "builtin")) {
		e.kind = MODEL_BUILTIN;
		return e;
	}
	if (text_starts(name, "scripted:")) {
		e.kind = MODEL_SCRIPTED;
		e.script = read_script(m, c, pointer, name + strlen("scripted:"));
		return e;
	}
	nearest_try(&near, "builtin");
	if (strchr(name, '/'))
		yaml_mistake(c->agent, m, pointer, "models of providers: not available yet");
	else
		yaml_mistake(c->agent, m, pointer, "expected builtin or scripted:FILE%s",
		    nearest_hint(&near, hint, sizeof(hint)));
	return e;
}

/* Its place among the models; each is there once, whatever chains name it. */
static int place_of(struct mistakes *m, struct config *c, struct model_entry *list,
    const char *pointer, const char *name)
{
	for (int i = 0; i < c->nmodels; i++)
		if (list[i].kind != MODEL_UNKNOWN && text_is(list[i].name, name))
			return i;
	list[c->nmodels] = read_model(m, c, pointer, name);
	return c->nmodels++;
}

static struct chain_entry read_chain(
    struct mistakes *m, struct config *c, struct model_entry *list, const char *key)
{
	const json_t *all = json_object_get(json_object_get(yaml_root(c->agent), "models"), key);
	const char *pointer = yaml_below(m->mem, "/models", key);
	bool many = json_is_array(all);
	size_t n = many ? json_array_size(all) : 1;
	int *at = arena_array(m->mem, int, n ? n : 1);
	struct chain_entry chain = { .at = at };

	for (size_t i = 0; i < n && i < CHAIN_MAX; i++) {
		const json_t *v = many ? json_array_get(all, i) : all;

		if (json_is_string(v))
			at[chain.n++] = place_of(m, c, list,
			    many ? yaml_below_index(m->mem, pointer, i) : pointer,
			    json_string_value(v));
	}
	return chain;
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

static void read_models(struct mistakes *m, struct config *c)
{
	struct model_entry *list = arena_array(m->mem, struct model_entry, 3 * CHAIN_MAX);
	int *builtin = arena_array(m->mem, int, 1);

	c->models = list;
	c->main = read_chain(m, c, list, "main");
	if (!c->main.n) {
		*builtin = c->nmodels;
		list[c->nmodels++] = (struct model_entry){
			.kind = MODEL_BUILTIN, .pointer = "/models", .name = "builtin"
		};
		c->main = (struct chain_entry){ builtin, 1 };
	}
	c->router = read_chain(m, c, list, "router");
	c->strong = read_chain(m, c, list, "strong");
	read_strong_when(m, c);
	config_prices(m, c, list);
}

static const char *read_init(
    struct mistakes *m, const struct config *c, const char *pointer, const char *name)
{
	const char *path, *text;
	struct err e;
	size_t n;

	if (!name)
		return NULL;
	path = file_path(m->mem, c->folder, name);
	text = file_read(m->mem, path, INIT_LARGEST, &n, &e);
	pointer = yaml_below(m->mem, pointer, "init");
	if (!text)
		yaml_mistake(c->agent, m, pointer, "%s %s", path, e.msg);
	else if (strlen(text) != n || !text_is_utf8(text, n))
		yaml_mistake(c->agent, m, pointer, "%s is not UTF-8 text", path);
	return text;
}

static void check_apart(struct mistakes *m, const struct config *c, int n)
{
	const struct database_entry *d = &c->databases[n];
	const char *url = yaml_below(m->mem, d->pointer, "url");

	if (text_is(d->path, c->store))
		yaml_mistake(
		    c->agent, m, url, "this file is the store; a database of yours needs its own");
	for (int i = 0; i < n; i++)
		if (text_is(d->path, c->databases[i].path))
			yaml_mistake(c->agent, m, url, "this file is also the database \"%s\"",
			    c->databases[i].name);
}

static void read_databases(struct mistakes *m, struct config *c)
{
	const json_t *all = json_object_get(yaml_root(c->agent), "databases");
	struct database_entry *list =
	    arena_array(m->mem, struct database_entry, json_object_size(all));
	const char *name;
	json_t *entry;

	c->databases = list;
	json_object_foreach ((json_t *)all, name, entry) {
		struct database_entry *d = &list[c->ndatabases++];
		const char *url = json_str(entry, "url");

		d->name = arena_strdup(m->mem, name);
		d->pointer = yaml_below(m->mem, "/databases", name);
		d->init = read_init(m, c, d->pointer, json_str(entry, "init"));
		if (url)
			d->path = sqlite_file(m, c, yaml_below(m->mem, d->pointer, "url"), url);
		if (d->path)
			check_apart(m, c, c->ndatabases - 1);
	}
}

/* The kind itself looks its database up too; here every wrong name is found at once. */
static void check_tools_databases(struct mistakes *m, const struct config *c)
{
	const json_t *tools = json_object_get(yaml_root(c->agent), "tools");
	const char *tool, *name;
	json_t *entry;
	char hint[100];

	json_object_foreach ((json_t *)tools, tool, entry) {
		struct nearest near;
		bool found = false;

		name = json_str(json_object_get(entry, "sql"), "database");
		if (!name)
			continue;
		near = nearest_to(name);
		for (int i = 0; i < c->ndatabases; i++) {
			found |= text_is(c->databases[i].name, name);
			nearest_try(&near, c->databases[i].name);
		}
		if (!found)
			yaml_mistake(c->agent, m,
			    yaml_below(m->mem,
				yaml_below(m->mem, yaml_below(m->mem, "/tools", tool), "sql"),
				"database"),
			    "there is no database \"%s\"%s", name,
			    nearest_hint(&near, hint, sizeof(hint)));
	}
}

void config_sources(struct mistakes *m, struct config *c)
{
	read_store(m, c);
	read_models(m, c);
	read_databases(m, c);
	check_tools_databases(m, c);
}
