#include "setup/setup_tools.h"

#include "base/mem.h"
#include "base/text.h"
#include "setup/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The reason is welcome, not required: a person who is asked for without one still comes. */
static const char escalate_parameters[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"reason\":{\"type\":\"string\",\"description\":\"Why a person is needed, in one sentence.\"},"
    "\"summary\":{\"type\":\"string\",\"description\":\"What the customer wants and what has been "
    "done.\"}}}";

static const char *trial_path(struct mistakes *m, struct agent_setup *s, const char *name)
{
	if (!s->trial_folder) {
		const char *tmp = getenv("TMPDIR");
		char *folder =
		    arena_printf(m->mem, "%s/frontdesk-check-XXXXXX", tmp && *tmp ? tmp : "/tmp");

		if (!mkdtemp(folder)) {
			mistakes_add(m, (struct place){ .file = folder }, "",
			    "no temporary folder: %s", strerror(errno));
			return NULL;
		}
		s->trial_folder = folder;
	}
	return arena_printf(m->mem, "%s/%s.db", s->trial_folder, name);
}

static struct sql_database *open_one(struct mistakes *m, struct agent_setup *s, struct world *w,
    const struct database_entry *d, const char *path)
{
	struct sql_database *db;
	struct err e;

	if (!path)
		return NULL;
	db = sql_database_open(w, d->name, path, d->init, &e);
	if (!db) {
		const char *said = arena_printf(m->mem, "database %s: ", d->name);

		/* The path says which one already. */
		yaml_mistake(s->config->agent, m, d->pointer, "%s",
		    text_starts(e.msg, said) ? e.msg + strlen(said) : e.msg);
	}
	return db;
}

void setup_databases(
    struct mistakes *m, struct agent_setup *s, struct world *w, const char *data, bool trial)
{
	const struct config *c = s->config;

	s->databases = arena_array(m->mem, struct sql_database *, c->ndatabases);
	for (int i = 0; i < c->ndatabases; i++) {
		const struct database_entry *d = &c->databases[i];
		const char *path;

		if (config_spoiled(m, c, d->pointer))
			continue;
		path = file_path(m->mem, data, d->path);
		if (trial && d->init && !file_exists(path))
			path = trial_path(m, s, d->name);
		s->databases[s->ndatabases] = open_one(m, s, w, d, path);
		s->ndatabases += s->databases[s->ndatabases] != NULL;
	}
}

/* The kind knows the byte within a text; the file knows where the text stands. */
static void add_mistake(struct mistakes *m, const struct config *c, const struct tool_entry *t,
    const struct tool_mistake *where, const struct err *e)
{
	const char *pointer = arena_printf(
	    m->mem, "%s%s", json_below(m->mem, t->pointer, t->kind_name), where->pointer);
	struct place at = yaml_place(c->agent, pointer);
	const char *text = json_string_value(yaml_at(c->agent, pointer));

	if (text && where->offset >= 0)
		yaml_place_in(c->agent, pointer, text, (size_t)where->offset, &at);
	mistakes_add(m, at, yaml_path(c->agent, pointer), "%s", e->msg);
}

static bool has_database(const struct agent_setup *s, const struct tool_entry *t)
{
	const char *name = json_str(t->kind_entry, "database");

	for (int i = 0; i < s->ndatabases; i++)
		if (text_is(sql_database_name(s->databases[i]), name))
			return true;
	return !name;
}

static void make_tool(
    struct mistakes *m, const struct agent_setup *s, const struct tool_entry *entry, struct tool *t)
{
	const struct tool_sources from = { .databases = s->databases,
		.ndatabases = s->ndatabases,
		.http = s->http,
		.reach = &s->config->reach,
		.script = s->script };
	struct tool_mistake where = { .offset = -1 };
	struct err e;

	*t = (struct tool){
		.name = entry->name,
		.description = entry->description,
		.parameters = entry->parameters,
		.effect = entry->effect,
		.identity = entry->identity,
		.timeout_ms = entry->timeout_ms,
		.shown = entry->shown,
	};
	if (!entry->sound || !has_database(s, entry))
		return;
	t->kind = tool_kind_find(entry->kind_name);
	t->repeatable = entry->idempotent ? json_is_true(entry->idempotent) : t->kind->repeatable;
	if (t->kind->make(&from, entry->kind_entry, entry->parameters, entry->effect, &t->impl,
		&where, &e) == 0)
		return;
	t->kind = NULL;
	add_mistake(m, s->config, entry, &where, &e);
}

void setup_tools(struct mistakes *m, struct agent_setup *s)
{
	const struct config *c = s->config;
	struct tool *tools = arena_array(m->mem, struct tool, c->ntools + 1);

	s->agent.tools = (struct toolbox){ tools, c->ntools + 1 };
	for (int i = 0; i < c->ntools; i++)
		make_tool(m, s, &c->tools[i], &tools[i]);
	tools[c->ntools] = (struct tool){
		.name = "escalate_to_human",
		.description = "Ask a person of the company to take over: for what you may not "
			       "decide, cannot do, or when the customer asks for one.",
		.parameters = json_read_own(m->mem, escalate_parameters),
		.timeout_ms = 10000,
		.shown = "Asking a colleague",
	};
}

static void remove_trial(const struct agent_setup *s)
{
	static const char *const endings[] = { "", "-wal", "-shm", "-journal" };

	for (int i = 0; i < s->config->ndatabases; i++)
		for (size_t j = 0; j < array_len(endings); j++)
			unlink(arena_printf(s->mem, "%s/%s.db%s", s->trial_folder,
			    s->config->databases[i].name, endings[j]));
	rmdir(s->trial_folder);
}

void setup_tools_close(struct agent_setup *s)
{
	for (int i = 0; i < s->agent.tools.n; i++) {
		const struct tool *t = &s->agent.tools.tools[i];

		if (t->kind && t->kind->free)
			t->kind->free(t->impl);
	}
	for (int i = 0; i < s->ndatabases; i++)
		sql_database_close(s->databases[i]);
	if (s->trial_folder)
		remove_trial(s);
}
