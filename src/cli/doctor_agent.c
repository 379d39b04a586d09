#include "cli/doctor.h"

#include "base/text.h"
#include "setup/files.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Configuration. */

static void configuration(struct doctor *d)
{
	struct mistakes m = mistakes_none(d->mem);
	const struct mistakes *notes;

	d->setup = agent_setup_try(&m, d->world, d->folder, d->data);
	for (int i = 0; i < m.n; i++)
		doctor_fail(d, "configuration", "%s", mistake_line(d->mem, &m.list[i]));
	if (!d->setup)
		return;
	notes = &d->setup->config->notes;
	doctor_ok(d, "configuration", "%s: no mistakes, %d tools", d->setup->config->name,
	    d->setup->agent.tools.n);
	for (int i = 0; i < notes->n; i++)
		doctor_warn(d, "configuration", "%s", mistake_line(d->mem, &notes->list[i]));
}

/* Environment: every ${NAME} of the files, once. */

struct variables {
	struct doctor *d;
	json_t *seen;
};

/* "/providers/claude/key": who can do without it. */
static const char *provider_at(struct arena *mem, const char *pointer)
{
	const char *name = pointer + strlen("/providers/"), *end;

	if (!text_starts(pointer, "/providers/"))
		return NULL;
	end = strchr(name, '/');
	return end && text_is(end, "/key") ? arena_strndup(mem, name, (size_t)(end - name)) : NULL;
}

static void variable(const struct variables *v, const char *name, const char *pointer)
{
	const char *value = getenv(name), *provider = provider_at(v->d->mem, pointer);

	if (json_object_get(v->seen, name))
		return;
	json_object_set_new(v->seen, name, json_true());
	if (value && *value)
		doctor_ok(v->d, "environment", "%s is set", name);
	else if (provider)
		doctor_warn(v->d, "environment", "%s is not set: the provider %s is passed over",
		    name, provider);
	else if (value)
		doctor_warn(v->d, "environment", "%s is set, and empty", name);
	else
		doctor_fail(v->d, "environment", "%s is not set: export %s=...", name, name);
}

static void variables_in(const struct variables *v, const char *text, const char *pointer)
{
	for (const char *s = text; (s = strstr(s, "${")); s += 2) {
		size_t n = 2;

		while (isalnum((unsigned char)s[n]) || s[n] == '_')
			n++;
		if ((s == text || s[-1] != '$') && n > 2 && s[n] == '}')
			variable(v, arena_strndup(v->d->mem, s + 2, n - 2), pointer);
	}
}

static void walk(const struct variables *v, const json_t *at, const char *pointer)
{
	const char *key;
	json_t *child;
	size_t i;

	if (json_is_string(at))
		variables_in(v, json_string_value(at), pointer);
	json_object_foreach (json_unconst(at), key, child) {
		walk(v, child, json_below(v->d->mem, pointer, key));
	}
	json_array_foreach (at, i, child) {
		walk(v, child, json_below_index(v->d->mem, pointer, i));
	}
}

static void environment(struct doctor *d)
{
	static const char *const files[] = { "agent.yaml", "playbook.yaml" };
	struct variables v = { d, json_in(d->mem, json_object()) };
	struct mistakes said = mistakes_none(d->mem); /* by configuration() already */
	struct yaml *y;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const char *path = file_path(d->mem, d->folder, files[i]);

		y = file_exists(path) ? file_yaml(&said, path) : NULL;
		if (y)
			walk(&v, yaml_root(y), "");
	}
	if (!json_object_size(v.seen))
		doctor_ok(d, "environment", "the files ask for no variable");
}

/* Databases. */

static const char *size_of(struct arena *mem, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return "size unknown";
	return st.st_size < 1 << 20 ? arena_printf(mem, "%lld KiB", (long long)st.st_size >> 10)
				    : arena_printf(mem, "%lld MiB", (long long)st.st_size >> 20);
}

static bool is_written(const struct config *c, const char *database)
{
	for (int i = 0; i < c->ntools; i++)
		if (c->tools[i].effect == EFFECT_WRITE &&
		    text_is(json_str(c->tools[i].kind_entry, "database"), database))
			return true;
	return false;
}

/* That it opens, and takes writes where a tool writes, the configuration's check has seen. */
static void database(struct doctor *d, const struct database_entry *b)
{
	const char *path = file_path(d->mem, d->data, b->path);

	if (!file_exists(path))
		doctor_ok(d, "database", "%s: %s is not there yet; the first start makes it",
		    b->name, path);
	else
		doctor_ok(d, "database", "%s: %s opens, %s%s", b->name, path, size_of(d->mem, path),
		    is_written(d->setup->config, b->name) ? "; it has frontdesk_calls for writes"
							  : "");
}

static void store(struct doctor *d)
{
	const char *path = file_path(d->mem, d->data, d->setup->config->store);
	struct sqlite *db;
	struct err e;

	if (!file_exists(path)) {
		doctor_ok(
		    d, "database", "the store %s is not there yet; the first start makes it", path);
		return;
	}
	db = sqlite_open(path, SQLITE_READS, &e);
	if (db && sqlite_run(
		      db, "SELECT count(*) FROM sqlite_master", NULL, 0, NULL, NULL, NULL, &e) == 0)
		doctor_ok(d, "database", "the store %s opens, %s", path, size_of(d->mem, path));
	else
		doctor_fail(d, "database", "the store %s: %s", path, e.msg);
	sqlite_close(db);
}

void doctor_agent(struct doctor *d)
{
	configuration(d);
	environment(d);
	if (!d->setup)
		return;
	store(d);
	for (int i = 0; i < d->setup->config->ndatabases; i++)
		database(d, &d->setup->config->databases[i]);
}
