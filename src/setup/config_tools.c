/* tools: the entries, with their parameters in the short form made into a schema.
 *
 *     parameters: { order_id: { type: string }, note?: { type: string } }
 *
 * is an object that needs order_id, may have note and nothing else. */
#include "setup/config_inside.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/schema.h"
#include "base/text.h"
#include "setup/duration.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_DEFAULT 10000
#define TIMEOUT_LONGEST 120000

/* Ours, or ours before long. */
static const char *const built_in[] = { "escalate_to_human", "search_knowledge", "remember",
	"resolve" };
static const char *const kinds_to_come[] = { "mcp", "command" };

struct parameters {
	struct mistakes *m;
	const struct config *c;
	const char *pointer; /* of parameters in agent.yaml */
	const json_t *written;
};

/* The key as it was written: with its "?" or without. */
static const char *written_name(const struct parameters *p, const char *name)
{
	const char *optional = arena_printf(p->m->mem, "%s?", name);

	return json_object_get(p->written, optional) ? optional : name;
}

/* A mistake at /properties/order_id/type of the schema is one at /order_id?/type of the file. */
static int tell(void *arg, const char *pointer, const char *message)
{
	const struct parameters *p = arg;
	struct arena *mem = p->m->mem;
	const char *at = p->pointer;

	if (text_starts(pointer, "/properties/")) {
		const char *name = pointer + strlen("/properties/");
		size_t n = strcspn(name, "/");

		at = json_below(mem, at, written_name(p, arena_strndup(mem, name, n)));
		at = arena_printf(mem, "%s%s", at, name + n);
	}
	yaml_mistake(p->c->agent, p->m, at, "%s", message);
	return 0;
}

static void add_parameter(
    const struct parameters *p, const char *key, json_t *v, json_t *properties, json_t *required)
{
	size_t n = strlen(key);
	bool optional = n && key[n - 1] == '?';
	const char *name = arena_strndup(p->m->mem, key, n - optional);
	const char *pointer = json_below(p->m->mem, p->pointer, key);

	if (json_object_get(properties, name)) {
		yaml_mistake(
		    p->c->agent, p->m, pointer, "the parameter \"%s\" is here twice", name);
		return;
	}
	if (text_is(name, "customer"))
		yaml_mistake(p->c->agent, p->m, pointer,
		    "\"customer\" is what the server knows of the customer; choose another name");
	json_object_set(properties, name, v);
	if (!optional)
		json_array_append_new(required, json_string(name));
}

static json_t *read_parameters(struct parameters *p)
{
	json_t *properties = json_object(), *required = json_array(), *v;
	json_t *schema =
	    json_in(p->m->mem, json_pack("{ss so so sb}", "type", "object", "properties",
				   properties, "required", required, "additionalProperties", 0));
	bool good = !config_spoiled(p->m, p->c, p->pointer);
	const char *key;

	json_object_foreach (json_unconst(p->written), key, v) {
		add_parameter(p, key, v, properties, required);
	}
	if (good)
		schema_free(schema_compile_all(schema, tell, p));
	return schema;
}

static enum identity identity_of(
    struct mistakes *m, const struct config *c, const struct tool_entry *t, const json_t *entry)
{
	const char *said = json_str(entry, "identity");
	const struct tool_kind *kind = t->kind_name ? tool_kind_find(t->kind_name) : NULL;
	bool bound = kind && kind->asks_for_customer && kind->asks_for_customer(t->kind_entry);

	if (!said)
		return bound ? IDENTITY_VERIFIED : IDENTITY_ANONYMOUS;
	if (text_is(said, "anonymous") && bound)
		yaml_mistake(c->agent, m, json_below(m->mem, t->pointer, "identity"),
		    "the tool asks for the customer, so it needs one: email or verified");
	if (text_is(said, "anonymous"))
		return IDENTITY_ANONYMOUS;
	return text_is(said, "email") ? IDENTITY_EMAIL : IDENTITY_VERIFIED;
}

/* "Lookup order", for lack of better words. */
static const char *shown_as(struct arena *mem, const char *name)
{
	char *words = arena_strdup(mem, name);

	words[0] = (char)toupper((unsigned char)words[0]);
	for (char *s = words; *s; s++)
		if (*s == '_' || *s == '-')
			*s = ' ';
	return words;
}

static int64_t timeout_of(
    struct mistakes *m, const struct config *c, const struct tool_entry *t, const json_t *entry)
{
	const json_t *said = json_object_get(entry, "timeout");
	const char *pointer = json_below(m->mem, t->pointer, "timeout");
	int64_t ms = said ? duration_ms(said) : TIMEOUT_DEFAULT;

	if (config_spoiled(m, c, pointer))
		return TIMEOUT_DEFAULT;
	if (ms >= 1 && ms <= TIMEOUT_LONGEST)
		return ms;
	yaml_mistake(c->agent, m, pointer, "expected a time of at most %d s, such as 5s or 500ms",
	    TIMEOUT_LONGEST / 1000);
	return TIMEOUT_DEFAULT;
}

static bool kind_to_come(const struct mistakes *m, const struct config *c, const char *pointer)
{
	for (size_t i = 0; i < array_len(kinds_to_come); i++)
		if (config_spoiled(m, c, json_below(m->mem, pointer, kinds_to_come[i])))
			return true;
	return false;
}

/* "sql or http" */
static const char *all_kinds(struct arena *mem)
{
	const char *names = tool_kind_at(0)->name;

	for (int i = 1; tool_kind_at(i); i++)
		names = arena_printf(mem, "%s or %s", names, tool_kind_at(i)->name);
	return names;
}

static void find_kind(
    struct mistakes *m, const struct config *c, struct tool_entry *t, const json_t *entry)
{
	for (int i = 0; tool_kind_at(i); i++) {
		const char *name = tool_kind_at(i)->name;

		if (!json_object_get(entry, name))
			continue;
		if (t->kind_name)
			yaml_mistake(c->agent, m, json_below(m->mem, t->pointer, name),
			    "it does something already: %s; a tool is one of both", t->kind_name);
		t->kind_name = t->kind_name ? t->kind_name : name;
	}
	t->kind_entry = t->kind_name ? json_object_get(entry, t->kind_name) : NULL;
	if (!t->kind_name && json_is_object(entry) && !kind_to_come(m, c, t->pointer))
		yaml_mistake(
		    c->agent, m, t->pointer, "missing what it does: %s", all_kinds(m->mem));
}

/* Each kind may have an expression in `result`. */
static void check_result(struct mistakes *m, const struct config *c, const struct tool_entry *t)
{
	if (t->kind_name)
		yaml_refuse_cut_at(c->agent, m,
		    json_below(m->mem, json_below(m->mem, t->pointer, t->kind_name), "result"));
}

static const json_t *idempotent_of(
    struct mistakes *m, const struct config *c, const struct tool_entry *t, const json_t *entry)
{
	const json_t *said = json_object_get(entry, "idempotent");

	if (said && t->effect != EFFECT_WRITE)
		yaml_mistake(c->agent, m, json_below(m->mem, t->pointer, "idempotent"),
		    "is for a tool with effect: write");
	return said;
}

static void check_name(struct mistakes *m, const struct config *c, const struct tool_entry *t)
{
	for (size_t i = 0; i < array_len(built_in); i++)
		if (text_is(built_in[i], t->name))
			yaml_mistake(c->agent, m, t->pointer,
			    "a tool of this name is built in; choose another name");
}

static struct tool_entry read_tool(
    struct mistakes *m, const struct config *c, const char *name, const json_t *entry)
{
	const char *pointer = json_below(m->mem, "/tools", name);
	struct tool_entry t = {
		.name = arena_strdup(m->mem, name),
		.pointer = pointer,
		.description = json_str_or(entry, "description", ""),
		.effect = text_is(json_str(entry, "effect"), "write") ? EFFECT_WRITE : EFFECT_READ,
	};
	struct parameters p = { m, c, json_below(m->mem, pointer, "parameters"),
		json_object_get(entry, "parameters") };

	check_name(m, c, &t);
	find_kind(m, c, &t, entry);
	check_result(m, c, &t);
	t.shown = json_str(entry, "shown");
	if (!t.shown)
		t.shown = shown_as(m->mem, name);
	t.parameters = read_parameters(&p);
	t.identity = identity_of(m, c, &t, entry);
	t.timeout_ms = timeout_of(m, c, &t, entry);
	t.idempotent = idempotent_of(m, c, &t, entry);
	t.sound = !config_spoiled(m, c, pointer);
	return t;
}

/* A write that was taken for a read would be repeated: whoever means a read says so. */
static void note_silent_post(struct config *c, const struct tool_entry *t, const json_t *entry)
{
	if (text_is(json_str(t->kind_entry, "method"), "POST") && !json_object_get(entry, "effect"))
		yaml_mistake(c->agent, &c->notes, t->pointer,
		    "a POST without `effect` counts as a read, which may be made twice; say "
		    "effect: write if it changes something, else effect: read");
}

static void check_profile(struct mistakes *m, struct config *c)
{
	const char *pointer = "/customer/profile";
	struct nearest near = nearest_to(c->profile_tool);
	char hint[100];

	for (int i = 0; i < c->ntools; i++) {
		const struct tool_entry *t = &c->tools[i];

		nearest_try(&near, t->name);
		if (!text_is(t->name, c->profile_tool))
			continue;
		if (t->effect == EFFECT_WRITE)
			yaml_mistake(c->agent, m, pointer,
			    "%s writes, and the profile is only looked up", t->name);
		if (json_array_size(json_object_get(t->parameters, "required")))
			yaml_mistake(c->agent, m, pointer,
			    "%s needs arguments, and the profile is looked up without any",
			    t->name);
		return;
	}
	yaml_mistake(c->agent, m, pointer, "there is no tool \"%s\"%s", c->profile_tool,
	    nearest_hint(&near, hint, sizeof(hint)));
}

void config_tools(struct mistakes *m, struct config *c)
{
	const json_t *root = yaml_root(c->agent), *tools = json_object_get(root, "tools");
	struct tool_entry *list = arena_array(m->mem, struct tool_entry, json_object_size(tools));
	const char *name;
	json_t *entry;

	c->tools = list;
	json_object_foreach (json_unconst(tools), name, entry) {
		list[c->ntools] = read_tool(m, c, name, entry);
		note_silent_post(c, &list[c->ntools++], entry);
	}
	c->profile_tool = json_str(json_object_get(root, "customer"), "profile");
	if (c->profile_tool)
		check_profile(m, c);
}
