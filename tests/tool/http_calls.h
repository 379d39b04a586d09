#ifndef TESTS_TOOL_HTTP_CALLS_H
#define TESTS_TOOL_HTTP_CALLS_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "check.h"
#include "net/http_client.h"
#include "script/script.h"
#include "tool/http.h"

#include <stdlib.h>
#include <string.h>

/* Calls of http tools in a simulation: a backend that writes down what it was asked, and answers
 * what the test says.  JSON is written with ` for ". */

enum manner {
	ANSWERS,
	REFUSES_CONNECTION,
	CUTS_HEAD,
	CUTS_BODY,
};

struct reply {
	int status;
	const char *body;
	const char *type; /* NULL: application/json */
	const char *name, *value;
	enum manner manner;
	int64_t ms;
	size_t n; /* of the body; 0: as long as it is */
};

struct backend {
	struct http_client *client;
	struct script *script;
	struct arena *mem;
	const struct reply *replies; /* the last goes on for ever */
	int nreplies;
	bool once;        /* of the last request */
	struct buf asked; /* "POST https://pay.example/x\nAccept: a\n\n{...}\n" */
	int n;
};

struct asked {
	const char *http;       /* what stands under `http` */
	const char *parameters; /* {"order_id": {...}, "note?": {...}} */
	const char *arguments;
	bool write, idempotent, again;
	bool nobody; /* no customer is known */
	int64_t timeout_ms;
};

struct came {
	struct tool_result result;
	const char *text; /* the value as JSON, or the reason */
	int64_t ms;
};

static inline const char *quoted(struct arena *mem, const char *s)
{
	char *out = arena_strdup(mem, s ? s : "{}");

	for (char *c = out; *c; c++)
		*c = *c == '`' ? '"' : *c;
	return out;
}

static inline json_t *read_quoted(struct arena *mem, const char *s)
{
	struct err e;
	const char *text = quoted(mem, s);
	json_t *j = json_read_in(mem, text, strlen(text), &e);

	if (!j)
		bug("%s: %s", text, e.msg);
	return j;
}

static inline void backend_answers(void *self, struct http_sim *x, const struct http_request *r)
{
	struct backend *b = self;
	const struct reply *a = &b->replies[b->n < b->nreplies ? b->n : b->nreplies - 1];
	struct http_field fields[2] = { { "Content-Type", a->type ? a->type : "application/json" },
		{ a->name, a->value } };
	struct err e;

	b->n++;
	b->once = r->once;
	buf_printf(&b->asked, "%s %s\n", r->method, r->url);
	for (int i = 0; i < r->nfields; i++)
		buf_printf(&b->asked, "%s: %s\n", r->fields[i].name, r->fields[i].value);
	for (int i = 0; i < r->npieces && r->body[i].n; i++) {
		buf_adds(&b->asked, "\n");
		buf_add(&b->asked, r->body[i].bytes, r->body[i].n);
		buf_adds(&b->asked, "\n");
	}
	if (a->ms && fiber_sleep(a->ms, &e) < 0)
		return;
	if (a->manner == CUTS_HEAD)
		http_sim_cut(x);
	if (a->manner == CUTS_HEAD || a->manner == REFUSES_CONNECTION)
		return;
	if (http_sim_head(x, a->status, fields, a->name ? 2 : 1) < 0)
		return;
	if (a->body)
		http_sim_body(x, a->body, a->n ? a->n : strlen(a->body));
	if (a->manner == CUTS_BODY)
		http_sim_cut(x);
}

static inline void backend_open(struct backend *b)
{
	struct err e;

	*b = (struct backend){ .mem = arena_new(), .script = script_new("USD") };
	b->client = http_client_new(check_world(), 0, &e);
	if (!b->client)
		bug("%s", e.msg);
	http_client_answers(b->client, backend_answers, b);
}

static inline void backend_close(struct backend *b)
{
	http_client_free(b->client);
	script_free(b->script);
	buf_done(&b->asked);
	arena_free(b->mem);
}

/* The short form: a name that ends with ? may be left out. */
static inline json_t *parameters_of(struct arena *mem, const char *text)
{
	json_t *properties = json_object(), *required = json_array(), *v;
	json_t *all = read_quoted(mem, text);
	const char *name;

	json_object_foreach (all, name, v) {
		size_t n = strlen(name);
		char *plain = arena_strndup(mem, name, n - (name[n - 1] == '?'));

		json_object_set(properties, plain, v);
		if (name[n - 1] != '?')
			json_array_append_new(required, json_string(name));
	}
	return json_in(mem, json_pack("{so so}", "properties", properties, "required", required));
}

static inline struct tool tool_of(struct backend *b, const struct asked *q)
{
	static const char *const hosts[] = { "pay.example", "*.shop.example", "10.0.0.5:8080" };
	static const struct http_reach reach = { hosts, array_len(hosts) };
	const struct tool_sources from = {
		.http = b->client, .reach = &reach, .script = b->script
	};
	enum effect effect = q->write ? EFFECT_WRITE : EFFECT_READ;
	struct tool t = { .name = "a_tool",
		.effect = effect,
		.repeatable = q->idempotent,
		.timeout_ms = q->timeout_ms ? q->timeout_ms : 10000,
		.kind = &http_tool_kind };
	struct tool_mistake where;
	struct err e;

	if (http_tool_kind.make(&from, read_quoted(b->mem, q->http),
		parameters_of(b->mem, q->parameters), effect, &t.impl, &where, &e) < 0)
		bug("%s: %s: %s", q->http, where.pointer, e.msg);
	return t;
}

struct one_call {
	struct backend *b;
	const struct asked *q;
	struct tool tool;
	struct came came;
};

static inline void run_one_call(void *arg)
{
	struct one_call *c = arg;
	const struct asked *q = c->q;
	struct arena *mem = c->b->mem;
	struct caller who = { .customer_id = q->nobody ? NULL : "cust/1",
		.identity = IDENTITY_VERIFIED,
		.customer = q->nobody ? NULL : read_quoted(mem, "{`id`:`cust/1`,`name`:`Zoë {x}`}"),
		.conversation = "c_1" };
	struct tool_call call = { .caller = &who,
		.arguments = read_quoted(mem, q->arguments),
		.key = q->write ? "fd_key" : NULL,
		.again = q->again,
		.mem = mem };
	int64_t start = fiber_now();

	c->tool.kind->run(&c->tool, &call, &c->came.result);
	c->came.ms = fiber_now() - start;
	c->came.text = c->came.result.status == TOOL_OK ? json_canonical(mem, c->came.result.value)
							: c->came.result.reason;
}

/* In a scope with the tool's deadline, as the agent does. */
static inline struct came ask(
    struct backend *b, const struct asked *q, const struct reply *replies, int nreplies)
{
	struct one_call c = { .b = b, .q = q, .tool = tool_of(b, q) };
	struct scope s;

	b->replies = replies;
	b->nreplies = nreplies;
	b->n = 0;
	buf_clear(&b->asked);
	scope_open_shielded(&s, fiber_now() + c.tool.timeout_ms);
	scope_run(&s, run_one_call, &c);
	scope_join(&s);
	http_tool_kind.free(c.tool.impl);
	return c.came;
}

#endif
