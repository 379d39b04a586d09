/* What providers refuse: each rule as the documentation or a 400 of theirs has it. */
#include "base/mem.h"
#include "base/text.h"
#include "fake_provider.h"

#include <string.h>

struct looking {
	struct arena *mem;
	const char *why;
	const json_t *ids; /* of calls seen */
	json_t *open;      /* ids of calls without their result yet */
	bool strict;
	const char *before;  /* role of the message before */
	bool results_closed; /* something else than a result stood in this message */
	int marks;
};

static void wrong(struct looking *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void wrong(struct looking *l, const char *fmt, ...)
{
	va_list ap;

	if (l->why)
		return;
	va_start(ap, fmt);
	l->why = arena_vprintf(l->mem, fmt, ap);
	va_end(ap);
}

static bool among(const char *keys, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = keys; (at = strstr(at, key)); at += n)
		if (at > keys && at[-1] == ' ' && at[n] == ' ')
			return true;
	return false;
}

static void known_keys(struct looking *l, const json_t *j, const char *what, const char *keys)
{
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)(uintptr_t)j, key, v) {
		if (!among(keys, key))
			wrong(l, "%s: extra inputs are not permitted: %s", what, key);
	}
}

static void check_text(struct looking *l, const json_t *text, const char *what)
{
	if (!json_is_string(text) || text_blank(json_string_value(text)))
		wrong(l, "%s: text must be non-empty", what);
}

static void check_name(struct looking *l, const char *name)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	if (!name || !*name || strlen(name) > 64 || strspn(name, letters) != strlen(name))
		wrong(l, "a tool's name does not match '^[a-zA-Z0-9_-]{1,64}$'");
}

static void open_call(struct looking *l, const char *id)
{
	if (!id || !*id)
		wrong(l, "a call without an id");
	else if (json_object_get(l->ids, id))
		wrong(l, "the ids of calls must be unique: %s", id);
	else
		json_object_set_new((json_t *)(uintptr_t)l->ids, id, json_true());
	if (id)
		json_object_set_new(l->open, id, json_true());
}

static void close_call(struct looking *l, const char *id)
{
	if (!id || !json_object_get(l->open, id))
		wrong(l, "unexpected result: no call %s in the message before", id ? id : "?");
	else
		json_object_del(l->open, id);
}

/* Anthropic. */

static void check_block(struct looking *l, const json_t *b, const char *role)
{
	const char *type = json_str_or(b, "type", "");

	l->marks += json_object_get(b, "cache_control") != NULL;
	if (text_is(type, "tool_result") && text_is(role, "user")) {
		known_keys(l, b, type, " type tool_use_id content is_error cache_control ");
		check_text(l, json_object_get(b, "content"), type);
		if (l->results_closed)
			wrong(l, "tool_result blocks must come first");
		close_call(l, json_str(b, "tool_use_id"));
		return;
	}
	l->results_closed = true;
	if (text_is(type, "text")) {
		known_keys(l, b, type, " type text cache_control ");
		check_text(l, json_object_get(b, "text"), type);
	} else if (text_is(type, "tool_use") && text_is(role, "assistant")) {
		known_keys(l, b, type, " type id name input ");
		check_name(l, json_str(b, "name"));
		open_call(l, json_str(b, "id"));
		if (!json_is_object(json_object_get(b, "input")))
			wrong(l, "tool_use.input: should be an object");
	} else if (!text_is(type, "thinking") || !text_is(role, "assistant")) {
		wrong(l, "a block \"%s\" in a message of %s", type, role);
	}
}

static void check_role(struct looking *l, const char *role)
{
	if (!l->before && !text_is(role, "user"))
		wrong(l, "the first message must be the user's, not %s", role);
	if (l->strict && text_is(l->before, role) && !text_is(role, "tool"))
		wrong(l, "conversation roles must alternate: %s twice", role);
}

static void anthropic_message(struct looking *l, const json_t *m)
{
	const char *role = json_str_or(m, "role", "");
	const json_t *content = json_object_get(m, "content"), *b;
	bool merged = text_is(role, l->before);
	size_t i;

	known_keys(l, m, "message", " role content ");
	check_role(l, role);
	if (text_is(role, "system") && !text_is(l->before, "user"))
		wrong(l, "a system message must follow a user's");
	if (!json_array_size(content))
		wrong(l, "a message without content");
	if (!merged)
		l->results_closed = false;
	json_array_foreach (content, i, b) {
		check_block(l, b, role);
	}
	if (text_is(role, "user") && json_object_size(l->open))
		wrong(l, "tool_use ids without tool_result blocks right after them");
	if (text_is(l->before, "assistant") && !merged && text_is(role, "system"))
		wrong(l, "a system message after the assistant's");
	l->before = role;
}

static void anthropic_tool(struct looking *l, const json_t *t)
{
	known_keys(l, t, "tool", " name description input_schema ");
	check_name(l, json_str(t, "name"));
	if (!text_is(json_str(json_object_get(t, "input_schema"), "type"), "object"))
		wrong(l, "input_schema.type must be object");
}

static void anthropic(struct looking *l, const json_t *body)
{
	const json_t *list = json_object_get(body, "messages"), *m;
	size_t i;

	known_keys(l, body, "body",
	    " model max_tokens stream tools tool_choice system messages thinking output_config ");
	if (json_int(body, "max_tokens", 0) < 1)
		wrong(l, "max_tokens: field required");
	json_array_foreach (json_object_get(body, "tools"), i, m) {
		anthropic_tool(l, m);
	}
	json_array_foreach (json_object_get(body, "system"), i, m) {
		check_block(l, m, "system");
	}
	json_array_foreach (list, i, m) {
		anthropic_message(l, m);
	}
	if (l->marks > 4)
		wrong(l, "at most 4 blocks with cache_control, not %d", l->marks);
}

/* OpenAI. */

static void openai_call(struct looking *l, const json_t *c)
{
	const json_t *f = json_object_get(c, "function");
	const char *arguments = json_str(f, "arguments");
	struct err e;
	json_t *read;

	known_keys(l, c, "tool_calls", " id type function ");
	known_keys(l, f, "function", " name arguments ");
	check_name(l, json_str(f, "name"));
	open_call(l, json_str(c, "id"));
	read = arguments ? json_read_in(l->mem, arguments, strlen(arguments), &e) : NULL;
	if (!json_is_object(read))
		wrong(l, "arguments: not the text of a JSON object");
}

static void openai_message(struct looking *l, const json_t *m, size_t n)
{
	const char *role = json_str_or(m, "role", "");
	const json_t *calls = json_object_get(m, "tool_calls"), *c,
		     *content = json_object_get(m, "content");
	size_t i;

	known_keys(l, m, "message", " role content tool_calls tool_call_id reasoning_content ");
	if (!json_is_null(content) || !calls)
		check_text(l, content, role);
	if (text_is(role, "tool")) {
		close_call(l, json_str(m, "tool_call_id"));
	} else if (json_object_size(l->open)) {
		wrong(l, "tool_calls must be followed by a tool message for each");
	}
	if (text_is(role, "system") && n == 0)
		return;
	if (text_is(role, "system") && l->strict)
		wrong(l, "system message must be at the beginning");
	if (l->strict)
		check_role(l, role);
	json_array_foreach (calls, i, c) {
		openai_call(l, c);
	}
	l->before = role;
}

static void openai(struct looking *l, const json_t *body)
{
	const json_t *list = json_object_get(body, "messages"), *m;
	size_t i;

	known_keys(l, body, "body",
	    " model max_tokens max_completion_tokens stream stream_options tools tool_choice "
	    "messages reasoning_effort parallel_tool_calls prompt_cache_key ");
	if (json_object_get(body, "tool_choice") && !json_object_get(body, "tools"))
		wrong(l, "tool_choice is only allowed when tools are specified");
	json_array_foreach (json_object_get(body, "tools"), i, m) {
		check_name(l, json_str(json_object_get(m, "function"), "name"));
	}
	json_array_foreach (list, i, m) {
		openai_message(l, m, i);
	}
}

const char *fake_provider_refusal(
    struct arena *mem, enum api api, bool strict, const char *body, size_t n)
{
	struct looking l = { .mem = mem,
		.ids = json_in(mem, json_object()),
		.open = json_in(mem, json_object()),
		.strict = strict };
	struct err e;
	json_t *j = json_read_in(mem, body, n, &e);

	if (!j)
		return arena_strdup(mem, e.msg);
	if (!json_str(j, "model"))
		wrong(&l, "model: field required");
	if (!json_array_size(json_object_get(j, "messages")))
		wrong(&l, "messages: at least one message is required");
	if (api == API_ANTHROPIC)
		anthropic(&l, j);
	else
		openai(&l, j);
	if (json_object_size(l.open))
		wrong(&l, "the last calls have no results");
	if (text_is(l.before, "assistant"))
		wrong(&l, "this model does not support prefill: the last message is its own");
	return l.why;
}
