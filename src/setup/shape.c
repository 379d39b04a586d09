#include "setup/shape.h"

#include "base/mem.h"
#include "base/schema.h"
#include "base/text.h"
#include "model/capabilities.h"
#include "tool/tool.h"

#include <string.h>

/* A chain of models, four blanks deep. */
#define CHAIN                                                                                      \
	"    anyOf:\n"                                                                             \
	"      - { type: string, minLength: 1 }\n"                                                 \
	"      - { type: array, minItems: 1, maxItems: 8, uniqueItems: true,\n"                    \
	"          items: { type: string, minLength: 1 } }\n"

#define PRICE "{ type: number, minimum: 0, maximum: 100000 }\n"

/* To add a section, add a row.  The schemas are written in YAML, for the eye. */
static const struct section {
	const char *key;
	bool required;
	const char *schema;
} sections[] = {
	{ "name", true, "{ type: string, minLength: 1, maxLength: 100 }" },
	{ "currency", true, "{ type: string, pattern: '^[A-Z]{3}$' }" },
	{ "store", false, "{ type: string, minLength: 1 }" },
	{ "providers", false,
	    "type: object\n"
	    "maxProperties: 32\n"
	    "propertyNames: { pattern: '^[A-Za-z0-9_-]{1,64}$' }\n"
	    "additionalProperties:\n"
	    "  type: object\n"
	    "  required: [api]\n"
	    "  additionalProperties: false\n"
	    "  properties:\n"
	    "    api: { enum: [anthropic, openai] }\n"
	    "    key: { type: string, minLength: 1 }\n"
	    "    base_url: { type: string, minLength: 1 }\n"
	    "    stream: { type: boolean }\n"
	    "    version: { type: string, pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }\n"
	    "    auth: { enum: [bearer, x-api-key, api-key, none] }\n"
	    "    headers:\n"
	    "      type: object\n"
	    "      maxProperties: 16\n"
	    "      propertyNames: { pattern: '^[A-Za-z0-9_-]{1,64}$' }\n"
	    "      additionalProperties: { type: string, maxLength: 4000 }\n"
	    "    timeouts:\n"
	    "      type: object\n"
	    "      additionalProperties: false\n"
	    "      properties:\n"
	    "        connect: { anyOf: [{ type: string }, { type: number }] }\n"
	    "        first_byte: { anyOf: [{ type: string }, { type: number }] }\n"
	    "        silence: { anyOf: [{ type: string }, { type: number }] }\n"
	    "    models: { type: object, maxProperties: 100 }\n" },
	{ "models", false,
	    "type: object\n"
	    "additionalProperties: false\n"
	    "properties:\n"
	    "  main:\n" CHAIN "  router:\n" CHAIN "  strong:\n" CHAIN "  strong_when:\n"
	    "    type: object\n"
	    "    additionalProperties: false\n"
	    "    properties:\n"
	    "      tool_calls: { type: integer, minimum: 1, maximum: 200 }\n"
	    "      failures: { type: integer, minimum: 1, maximum: 100 }\n" },
	{ "prices", false,
	    "type: object\n"
	    "maxProperties: 200\n"
	    "additionalProperties:\n"
	    "  type: array\n"
	    "  minItems: 1\n"
	    "  maxItems: 100\n"
	    "  items:\n"
	    "    type: object\n"
	    "    required: [from, input, output]\n"
	    "    additionalProperties: false\n"
	    "    properties:\n"
	    "      from: { type: string }\n"
	    "      above: { type: integer, minimum: 1, maximum: 100000000 }\n"
	    "      input: " PRICE "      output: " PRICE "      cache_read: " PRICE
	    "      cache_write: " PRICE },
	{ "databases", false,
	    "type: object\n"
	    "propertyNames: { pattern: '^[A-Za-z0-9_-]{1,64}$' }\n"
	    "additionalProperties:\n"
	    "  type: object\n"
	    "  required: [url]\n"
	    "  additionalProperties: false\n"
	    "  properties:\n"
	    "    url: { type: string, minLength: 1 }\n"
	    "    init: { type: string, minLength: 1 }\n" },
	{ "http", false,
	    "type: object\n"
	    "additionalProperties: false\n"
	    "properties:\n"
	    "  allow:\n"
	    "    type: array\n"
	    "    maxItems: 200\n"
	    "    uniqueItems: true\n"
	    "    items: { type: string, minLength: 1, maxLength: 260 }\n" },
	{ "customer", false,
	    "type: object\n"
	    "additionalProperties: false\n"
	    "properties: { profile: { type: string } }\n" },
	{ "tools", false,
	    "type: object\n"
	    "maxProperties: 128\n"
	    "propertyNames: { pattern: '^[A-Za-z0-9_-]{1,64}$' }\n"
	    "additionalProperties:\n"
	    "  type: object\n"
	    "  required: [description]\n"
	    "  additionalProperties: false\n"
	    "  properties:\n"
	    "    description: { type: string, minLength: 1, maxLength: 2000 }\n"
	    "    parameters:\n"
	    "      type: object\n"
	    "      propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}[?]?$' }\n"
	    "      additionalProperties: { type: object }\n"
	    "    effect: { enum: [read, write] }\n"
	    "    idempotent: { type: boolean }\n"
	    "    identity: { enum: [anonymous, email, verified] }\n"
	    "    timeout: { anyOf: [{ type: string }, { type: number }] }\n"
	    "    shown: { type: string, minLength: 1, maxLength: 100 }\n" },
	{ "escalation", false,
	    "type: object\n"
	    "additionalProperties: false\n"
	    "properties:\n"
	    "  turns: { type: integer, minimum: 1, maximum: 1000 }\n"
	    "  intents:\n"
	    "    type: object\n"
	    "    additionalProperties: { enum: [handoff, review] }\n" },
	{ "limits", false,
	    "type: object\n"
	    "additionalProperties: false\n"
	    "properties:\n"
	    "  steps: { type: integer, minimum: 1, maximum: 50 }\n"
	    "  tool_calls: { type: integer, minimum: 1, maximum: 200 }\n"
	    "  parallel: { type: integer, minimum: 1, maximum: 32 }\n"
	    "  answer_tokens: { type: integer, minimum: 1, maximum: 64000 }\n"
	    "  identical_calls: { type: integer, minimum: 1, maximum: 200 }\n"
	    "  turn_tokens: { type: integer, minimum: 1000, maximum: 1000000000 }\n"
	    "  turn_cost: { type: number, minimum: 0.0001, maximum: 1000000 }\n"
	    "  conversation_cost: { type: number, minimum: 0.0001, maximum: 1000000 }\n"
	    "  day_cost: { type: number, minimum: 0.0001, maximum: 1000000 }\n"
	    "  context_tokens: { type: integer, minimum: 2000, maximum: 1000000 }\n"
	    "  turn_seconds: { type: integer, minimum: 5, maximum: 600 }\n" },
	{ "patterns", false,
	    "type: object\n"
	    "propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }\n"
	    "additionalProperties: { type: string, minLength: 1, maxLength: 1000 }\n" },
	{ "demo", false,
	    "type: array\n"
	    "maxItems: 50\n"
	    "uniqueItems: true\n"
	    "items: { type: string, minLength: 1, maxLength: 200 }\n" },
};

static const char intents_shape[] =
    "type: object\n"
    "additionalProperties: false\n"
    "required: [intents]\n"
    "properties:\n"
    "  intents:\n"
    "    type: object\n"
    "    minProperties: 1\n"
    "    maxProperties: 200\n"
    "    propertyNames: { pattern: '^[a-z][a-z0-9_]{0,63}$' }\n"
    "    additionalProperties:\n"
    "      type: object\n"
    "      additionalProperties: false\n"
    "      required: [examples]\n"
    "      properties:\n"
    "        description: { type: string }\n"
    "        examples:\n"
    "          type: array\n"
    "          minItems: 1\n"
    "          items: { type: string, minLength: 1, maxLength: 2000 }\n"
    "  none:\n"
    "    type: array\n"
    "    items: { type: string, minLength: 1, maxLength: 2000 }\n";

/* Promised, and not there yet.  "*" is any name.  When one works, its row goes and its section's
 * schema has it. */
static const char *const not_yet[] = {
	"/mcp",
	"/policies",
	"/defines",
	"/track",
	"/desk",
	"/webhooks",
	"/mail",
	"/mode",
	"/languages",
	"/resolution",
	"/escalation/confidence_below",
	"/tools/*/mcp",
	"/tools/*/command",
	"/tools/*/confirm",
	"/tools/*/approve",
	"/tools/*/for",
};

static json_t *our_own(struct arena *mem, const char *text)
{
	struct mistakes none = mistakes_none(mem);
	struct yaml *y = yaml_read(&none, "schema", text, strlen(text));

	if (!y)
		bug("our own schema: %s", mistake_line(mem, &none.list[0]));
	return yaml_root(y);
}

struct telling {
	struct mistakes *m;
	const struct yaml *y;
};

/* `{name}` without quotes, where a text with a name in it was meant, is an object of one key. */
static const char *bare_name(const json_t *v)
{
	void *member = json_object_iter(json_unconst(v));

	return json_object_size(v) == 1 && json_is_null(json_object_iter_value(member))
		   ? json_object_iter_key(member)
		   : NULL;
}

static int tell(void *arg, const char *pointer, const char *message)
{
	const struct telling *t = arg;
	const char *name = bare_name(yaml_at(t->y, pointer));

	if (text_is(message, "expected boolean, got string"))
		yaml_mistake(t->y, t->m, pointer, "expected true or false, got text");
	else if (name && strstr(message, "string"))
		yaml_mistake(t->y, t->m, pointer,
		    "%s; a text that begins with a brace goes into quotes: \"{%s}\"", message,
		    name);
	else
		yaml_mistake(t->y, t->m, pointer, "%s", message);
	return 0;
}

static void check(struct mistakes *m, struct yaml *y, const json_t *definition)
{
	struct telling t = { m, y };
	struct err e;
	struct schema *s = schema_compile(definition, &e);

	if (!s)
		bug("our own schema: %s", e.msg);
	schema_check(s, yaml_root(y), tell, &t);
	schema_free(s);
}

void shape_check(struct mistakes *m, struct yaml *y, const char *schema)
{
	check(m, y, our_own(m->mem, schema));
}

void shape_intents(struct mistakes *m, struct yaml *y)
{
	shape_check(m, y, intents_shape);
}

static void refuse_at(
    struct mistakes *m, struct yaml *y, json_t *at, const char *rest, const char *pointer);

static void refuse_below(struct mistakes *m, struct yaml *y, json_t *at, const char *name,
    const char *rest, const char *pointer)
{
	pointer = json_below(m->mem, pointer, name);
	if (*rest) {
		refuse_at(m, y, json_object_get(at, name), rest, pointer);
	} else if (json_object_get(at, name)) {
		yaml_mistake(y, m, pointer, "not available yet");
		json_object_del(at, name);
	}
}

static void refuse_at(
    struct mistakes *m, struct yaml *y, json_t *at, const char *rest, const char *pointer)
{
	size_t n = strcspn(++rest, "/");
	const char *name = arena_strndup(m->mem, rest, n), *key;
	json_t *child;
	void *next;

	if (!text_is(name, "*")) {
		refuse_below(m, y, at, name, rest + n, pointer);
		return;
	}
	json_object_foreach_safe (at, next, key, child) {
		refuse_below(m, y, at, key, rest + n, pointer);
	}
}

/* Each kind of tool brings the schema of its own part. */
static void add_kinds(struct arena *mem, const json_t *keys)
{
	json_t *entry = json_object_get(json_object_get(keys, "tools"), "additionalProperties");

	for (int i = 0; tool_kind_at(i); i++)
		json_object_set(json_object_get(entry, "properties"), tool_kind_at(i)->name,
		    our_own(mem, tool_kind_at(i)->schema));
}

/* What may be said of a model is the providers' business. */
static void add_capabilities(struct arena *mem, const json_t *keys)
{
	json_t *provider =
	    json_object_get(json_object_get(keys, "providers"), "additionalProperties");

	json_object_set(json_object_get(json_object_get(provider, "properties"), "models"),
	    "additionalProperties", our_own(mem, capabilities_schema));
}

static json_t *agent_shape(struct arena *mem)
{
	json_t *keys = json_object(), *required = json_array();

	for (size_t i = 0; i < array_len(sections); i++) {
		json_object_set(keys, sections[i].key, our_own(mem, sections[i].schema));
		if (sections[i].required)
			json_array_append_new(required, json_string(sections[i].key));
	}
	add_kinds(mem, keys);
	add_capabilities(mem, keys);
	return json_in(mem, json_pack("{ss so so sb}", "type", "object", "properties", keys,
				"required", required, "additionalProperties", 0));
}

void shape_agent(struct mistakes *m, struct yaml *y)
{
	for (size_t i = 0; i < array_len(not_yet); i++)
		refuse_at(m, y, yaml_root(y), not_yet[i], "");
	check(m, y, agent_shape(m->mem));
}
