/* providers: the accounts that models belong to.  One whose key is not in the environment is marked
 * as such, so that one folder works with and without an account; every other variable that is
 * missing is a mistake. */
#include "setup/config_inside.h"

#include "base/mem.h"
#include "base/text.h"
#include "setup/duration.h"
#include "setup/environment.h"

#include <string.h>

#define ANTHROPIC_VERSION "2026-10-21"
#define TIME_MOST_MS      600000

void config_keys(struct mistakes *m, struct config *c)
{
	json_t *all = json_object_get(yaml_root(c->agent), "providers"),
	       *unset = json_in(m->mem, json_object()), *entry;
	const char *name, *key, *variable;

	c->unset = unset;
	json_object_foreach (all, name, entry) {
		key = json_str(entry, "key");
		variable = key ? environment_unset(m->mem, key) : NULL;
		if (!variable)
			continue;
		json_object_set_new(unset, name, json_string(variable));
		json_object_del(entry, "key");
	}
}

static bool printable(const char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

static void read_key(
    struct mistakes *m, const struct config *c, struct provider_entry *p, const json_t *entry)
{
	p->with.key = json_str(entry, "key");
	p->unset = json_str(c->unset, p->name);
	if (p->with.key && !printable(p->with.key))
		yaml_mistake(c->agent, m, json_below(m->mem, p->pointer, "key"),
		    "holds a character that no key has (the end of a line?)");
	if (!p->with.key && !p->unset && !json_object_get(entry, "base_url") &&
	    p->with.auth != AUTH_NONE)
		yaml_mistake(c->agent, m, p->pointer, "needs a key, such as key: ${%s}",
		    p->with.api == API_ANTHROPIC ? "ANTHROPIC_API_KEY" : "OPENAI_API_KEY");
}

static void read_url(
    struct mistakes *m, const struct config *c, struct provider_entry *p, const json_t *entry)
{
	const char *url = json_str(entry, "base_url"),
		   *pointer = json_below(m->mem, p->pointer, "base_url");

	p->with.base_url = provider_default_url(p->with.api);
	if (!url || config_spoiled(m, c, pointer))
		return;
	if (!text_starts(url, "http://") && !text_starts(url, "https://"))
		yaml_mistake(c->agent, m, pointer, "expected http://... or https://...");
	else if (!*provider_host(m->mem, url) || strpbrk(url, "# ") || !printable(url))
		yaml_mistake(c->agent, m, pointer, "is no URL, such as https://HOST/v1");
	else if (memchr(strstr(url, "://") + 3, '@', strcspn(strstr(url, "://") + 3, "/?")))
		yaml_mistake(c->agent, m, pointer,
		    "holds a user or password: put the key under key or headers");
	else
		p->with.base_url = url;
}

static enum provider_auth read_auth(const json_t *entry, const struct provider *p)
{
	static const struct {
		const char *name;
		enum provider_auth auth;
	} names[] = { { "bearer", AUTH_BEARER }, { "x-api-key", AUTH_X_API_KEY },
		{ "api-key", AUTH_API_KEY }, { "none", AUTH_NONE } };
	const char *name = json_str(entry, "auth");

	for (size_t i = 0; i < array_len(names); i++)
		if (text_is(names[i].name, name))
			return names[i].auth;
	/* Before 2026-10-21 x-api-key was the only way. */
	return p->version && strcmp(p->version, ANTHROPIC_VERSION) < 0 ? AUTH_X_API_KEY
								       : AUTH_BEARER;
}

static void read_headers(
    struct mistakes *m, const struct config *c, struct provider_entry *p, const json_t *entry)
{
	const json_t *all = json_object_get(entry, "headers");
	struct http_field *list = arena_array(m->mem, struct http_field, json_object_size(all));
	const char *pointer = json_below(m->mem, p->pointer, "headers"), *name;
	json_t *value;

	p->with.fields = list;
	json_object_foreach (json_unconst(all), name, value) {
		if (!json_is_string(value))
			continue;
		if (!printable(json_string_value(value)))
			yaml_mistake(c->agent, m, json_below(m->mem, pointer, name),
			    "holds a character that no header may have");
		list[p->with.nfields++] =
		    (struct http_field){ arena_strdup(m->mem, name), json_string_value(value) };
	}
}

static int64_t read_time(struct mistakes *m, const struct config *c, const struct provider_entry *p,
    const json_t *times, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(times, key);
	const char *pointer = json_below(m->mem, json_below(m->mem, p->pointer, "timeouts"), key);
	int64_t ms = v ? duration_ms(v) : otherwise;

	if (config_spoiled(m, c, pointer))
		return otherwise;
	if (ms < 1 || ms > TIME_MOST_MS)
		yaml_mistake(c->agent, m, pointer, "expected a time such as 30s, at most 600 s");
	return ms;
}

static void read_times(
    struct mistakes *m, const struct config *c, struct provider_entry *p, const json_t *entry)
{
	const json_t *times = json_object_get(entry, "timeouts");

	p->with.connect_ms = read_time(m, c, p, times, "connect", 5000);
	p->with.first_byte_ms = read_time(m, c, p, times, "first_byte", 30000);
	p->with.silence_ms = read_time(m, c, p, times, "silence", 30000);
}

static void read_version(
    struct mistakes *m, const struct config *c, struct provider_entry *p, const json_t *entry)
{
	const char *version = json_str(entry, "version");

	if (p->with.api == API_ANTHROPIC)
		p->with.version = version ? version : ANTHROPIC_VERSION;
	else if (version)
		yaml_mistake(c->agent, m, json_below(m->mem, p->pointer, "version"),
		    "means something with api: anthropic only");
}

/* What may be said of a model depends on the dialect it speaks. */

static const struct {
	const char *key;
	enum model_api api;
} of_one_api[] = {
	{ "thinking", API_ANTHROPIC },
	{ "cache_control", API_ANTHROPIC },
	{ "token_field", API_OPENAI },
	{ "effort_with_tools", API_OPENAI },
	{ "usage_option", API_OPENAI },
	{ "call_ids", API_OPENAI },
};

static void check_model(struct mistakes *m, const struct config *c, const struct provider_entry *p,
    const char *id, const json_t *said)
{
	const char *pointer = json_below(m->mem, json_below(m->mem, p->pointer, "models"), id);

	for (size_t i = 0; i < array_len(of_one_api); i++)
		if (of_one_api[i].api != p->with.api && json_object_get(said, of_one_api[i].key))
			yaml_mistake(c->agent, m, json_below(m->mem, pointer, of_one_api[i].key),
			    "means something with api: %s only",
			    of_one_api[i].api == API_OPENAI ? "openai" : "anthropic");
	if (json_object_get(said, "sampling") && p->with.version &&
	    strcmp(p->with.version, ANTHROPIC_VERSION) >= 0)
		yaml_mistake(c->agent, m, json_below(m->mem, pointer, "sampling"),
		    "is refused by version %s: leave it out, or say version: 2023-06-01",
		    p->with.version);
}

static void read_provider(
    struct mistakes *m, const struct config *c, struct provider_entry *p, const json_t *entry)
{
	const char *id;
	json_t *said;

	p->with.name = p->name;
	p->with.api = text_is(json_str(entry, "api"), "openai") ? API_OPENAI : API_ANTHROPIC;
	p->with.stream = !json_is_false(json_object_get(entry, "stream"));
	read_version(m, c, p, entry);
	p->with.auth = read_auth(entry, &p->with);
	read_key(m, c, p, entry);
	read_url(m, c, p, entry);
	read_headers(m, c, p, entry);
	read_times(m, c, p, entry);
	p->models = json_object_get(entry, "models");
	json_object_foreach (json_unconst(p->models), id, said) {
		check_model(m, c, p, id, said);
	}
}

void config_providers(struct mistakes *m, struct config *c)
{
	const json_t *all = json_object_get(yaml_root(c->agent), "providers");
	struct provider_entry *list =
	    arena_array(m->mem, struct provider_entry, json_object_size(all));
	const char *name;
	json_t *entry;

	c->providers = list;
	json_object_foreach (json_unconst(all), name, entry) {
		struct provider_entry *p = &list[c->nproviders++];

		p->name = arena_strdup(m->mem, name);
		p->pointer = json_below(m->mem, "/providers", name);
		read_provider(m, c, p, entry);
	}
}
