/* store, databases and http: where things are.  Paths of databases are below the data folder,
 * files that come with the agent are below its own. */
#include "setup/config_inside.h"

#include "base/nearest.h"
#include "base/text.h"
#include "net/reach.h"
#include "setup/files.h"

#include <string.h>

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
	pointer = json_below(m->mem, pointer, "init");
	if (!text)
		yaml_mistake(c->agent, m, pointer, "%s %s", path, e.msg);
	else if (strlen(text) != n || !text_is_utf8(text, n))
		yaml_mistake(c->agent, m, pointer, "%s is not UTF-8 text", path);
	return text;
}

static void check_apart(struct mistakes *m, const struct config *c, int n)
{
	const struct database_entry *d = &c->databases[n];
	const char *url = json_below(m->mem, d->pointer, "url");

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
	json_object_foreach (json_unconst(all), name, entry) {
		struct database_entry *d = &list[c->ndatabases++];
		const char *url = json_str(entry, "url");

		d->name = arena_strdup(m->mem, name);
		d->pointer = json_below(m->mem, "/databases", name);
		d->init = read_init(m, c, d->pointer, json_str(entry, "init"));
		if (url)
			d->path = sqlite_file(m, c, json_below(m->mem, d->pointer, "url"), url);
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

	json_object_foreach (json_unconst(tools), tool, entry) {
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
			    json_below(m->mem,
				json_below(m->mem, json_below(m->mem, "/tools", tool), "sql"),
				"database"),
			    "there is no database \"%s\"%s", name,
			    nearest_hint(&near, hint, sizeof(hint)));
	}
}

static void check_host(
    struct mistakes *m, const struct config *c, const char *pointer, const char *host)
{
	const char *name = text_starts(host, "*.") ? host + 2 : host;
	struct http_target t;
	struct err e;

	if (strpbrk(name, "/?") ||
	    http_target_read(&t, arena_printf(m->mem, "http://%s", name), &e) < 0)
		yaml_mistake(c->agent, m, pointer,
		    "expected a host, such as pay.example, *.pay.example or 10.0.0.5:8080");
	else if (name != host && t.literal)
		yaml_mistake(
		    c->agent, m, pointer, "an address has no names below it; say it without *.");
}

static void read_reach(struct mistakes *m, struct config *c)
{
	const json_t *all = json_object_get(json_object_get(yaml_root(c->agent), "http"), "allow");
	const char **hosts = arena_array(m->mem, const char *, json_array_size(all));
	json_t *host;
	size_t i;

	c->reach.hosts = hosts;
	json_array_foreach (all, i, host) {
		if (!json_is_string(host))
			continue;
		hosts[c->reach.n++] = json_string_value(host);
		check_host(
		    m, c, json_below_index(m->mem, "/http/allow", i), json_string_value(host));
	}
}

void config_sources(struct mistakes *m, struct config *c)
{
	read_store(m, c);
	read_databases(m, c);
	check_tools_databases(m, c);
	read_reach(m, c);
}
