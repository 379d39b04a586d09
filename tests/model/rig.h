#ifndef TESTS_MODEL_RIG_H
#define TESTS_MODEL_RIG_H

#include "check.h"

#include "base/mem.h"
#include "base/text.h"
#include "fake_provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A provider's model against answers that are written down; what it sent is kept. */

#define RIG_REQUESTS 16

struct rig_reply {
	int status;            /* 0: the connection is refused */
	const char *fields[6]; /* name, value, ...; NULL ends the list */
	const char *body;
	size_t n;        /* 0: all of it */
	int64_t head_ms; /* before the head */
	int drip;        /* bytes at a time; 0: all at once */
	int64_t drip_ms; /* before each */
	bool cut;        /* the connection breaks at the end */
	int64_t repeat;  /* the body so many times more */
};

struct rig {
	struct arena *mem;
	struct http_client *http;
	struct provider p;
	struct capabilities can;
	struct model *model;
	struct wire *wire;
	int64_t seq;
	struct model_request r;
	struct model_answer out;
	struct err e;
	struct buf shown; /* what the sink was given */
	bool unwanted;    /* the sink says no */
	int (*more)(void *self, const struct model_usage *used, struct err *e);
	const struct rig_reply *replies;
	int nreplies, asked;
	const char *body[RIG_REQUESTS], *head[RIG_REQUESTS], *url[RIG_REQUESTS];
};

static inline bool rig_drip(struct http_sim *x, const struct rig_reply *a)
{
	size_t n = a->n ? a->n : strlen(a->body), step = a->drip ? (size_t)a->drip : n;
	struct err e;

	for (size_t at = 0; at < n; at += step) {
		if (a->drip_ms && fiber_sleep(a->drip_ms, &e) < 0)
			return false;
		if (http_sim_body(x, a->body + at, n - at < step ? n - at : step) < 0)
			return false;
	}
	return true;
}

static inline void rig_answer(void *self, struct http_sim *x, const struct http_request *q)
{
	struct rig *r = self;
	const struct rig_reply *a =
	    &r->replies[r->asked < r->nreplies ? r->asked : r->nreplies - 1];
	struct http_field f[3];
	int n = 0;
	struct err e;

	r->url[r->asked] = arena_strdup(r->mem, q->url);
	r->body[r->asked] = arena_strndup(r->mem, q->body[0].bytes, q->body[0].n);
	r->head[r->asked] = "";
	for (int i = 0; i < q->nfields; i++)
		r->head[r->asked] = arena_printf(
		    r->mem, "%s%s: %s\n", r->head[r->asked], q->fields[i].name, q->fields[i].value);
	r->asked++;
	if (a->head_ms && fiber_sleep(a->head_ms, &e) < 0)
		return;
	if (!a->status)
		return;
	for (; a->fields[2 * n]; n++)
		f[n] = (struct http_field){ a->fields[2 * n], a->fields[2 * n + 1] };
	http_sim_head(x, a->status, f, n);
	for (int64_t i = 0; i <= a->repeat; i++)
		if (!rig_drip(x, a))
			return;
	if (a->cut)
		http_sim_cut(x);
}

static inline int rig_text(void *self, const char *s, size_t n, struct err *e)
{
	struct rig *r = self;

	if (r->unwanted)
		return err_set(e, ERR_CONFLICT, "nobody wants it");
	buf_add(&r->shown, s, n);
	return 0;
}

static const char rig_tool[] =
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}}}";

/* One tool, `order`; host: of base_url. */
static inline void rig_open(
    struct rig *r, struct world *w, enum model_api api, const char *host, const char *model)
{
	struct model_tool *tool;

	*r = (struct rig){ .mem = arena_new(), .wire = wire_new() };
	r->http = http_client_new(w, 0, &r->e);
	if (!world_loop(w))
		http_client_answers(r->http, rig_answer, r);
	r->p = (struct provider){ .name = "p",
		.api = api,
		.base_url = arena_printf(r->mem, "https://%s/v1", host),
		.auth = AUTH_BEARER,
		.key = "test-key",
		.version = api == API_ANTHROPIC ? "2026-10-21" : NULL,
		.stream = true,
		.world = w,
		.client = r->http };
	capabilities_default(&r->can, api, host, model);
	tool = arena_new_of(r->mem, struct model_tool);
	*tool = (struct model_tool){ .name = "order",
		.description = "Orders.",
		.parameters = json_read_own(r->mem, rig_tool) };
	r->r = (struct model_request){ .instructions = "Be kind.",
		.tools = tool,
		.ntools = 1,
		.history = r->wire,
		.message = "",
		.state = json_read_own(r->mem, "{\"owner\":\"ai\"}"),
		.conversation = "c_1",
		.answer_tokens = 100 };
}

/* Make the model anew, after p or can were changed; not where the old one was, since a wire knows
 * its dialects by their address. */
static inline void rig_model(struct rig *r)
{
	struct model *old = r->model;

	r->model = provider_model_new(&r->p, "p/m", "m", &r->can);
	if (old)
		old->class->free(old);
}

static inline void rig_close(struct rig *r)
{
	if (r->model)
		r->model->class->free(r->model);
	http_client_free(r->http);
	wire_free(r->wire);
	buf_done(&r->shown);
	arena_free(r->mem);
}

/* KIND JSON: the next event of the log. */
static inline void rig_event(struct rig *r, const char *line)
{
	const char *space = strchr(line, ' ');
	int kind = event_kind_named(arena_strndup(r->mem, line, (size_t)(space - line)));
	struct event ev = { .seq = ++r->seq, .turn = "t1" };

	if (kind < 0)
		bug("no event %s", line);
	ev.kind = (enum event_kind)kind;
	ev.data = json_read_own(r->mem, space + 1);
	wire_append(r->wire, &ev);
}

static inline void rig_log(struct rig *r, const char *const *lines)
{
	for (; *lines; lines++)
		rig_event(r, *lines);
}

#define LOG(...)       ((const char *const[]){ __VA_ARGS__, NULL })
#define CUSTOMER(text) "message {\"role\":\"customer\",\"content\":\"" text "\"}"
#define AI(text)       "message {\"role\":\"ai\",\"content\":\"" text "\"}"
#define PERSON(text)   "message {\"role\":\"person\",\"author\":\"Marta\",\"content\":\"" text "\"}"
#define OK(id, value)  "tool.result {\"call\":\"" id "\",\"ok\":true,\"result\":" value "}"
#define BAD(id, value) "tool.result {\"call\":\"" id "\",\"ok\":false,\"reason\":\"" value "\"}"
#define TWO_CALLS                                                                                  \
	"model.step {\"run\":1,\"model\":\"p/m\",\"text\":\"\",\"calls\":[{\"id\":\"a\",\"name\":" \
	"\"order\",\"arguments\":{\"id\":\"FW-1\"}},{\"id\":\"b\",\"name\":\"no.such\"}]}"

/* Behind the customer's newest message, as prompt.c has it. */
static inline int rig_state_after(const struct wire *w)
{
	int n = wire_len(w);

	while (n > 0 && wire_at(w, n - 1)->role != WIRE_CUSTOMER)
		n--;
	return n;
}

/* Ask once; what was sent is r->body[0]. */
static inline int rig_ask(struct rig *r, const struct rig_reply *replies, int n)
{
	struct model_sink sink = { .text = rig_text, .more = r->more, .self = r };

	if (!r->model)
		rig_model(r);
	/* A provider goes on when whoever asked has gone. */
	r->replies = arena_memdup(r->mem, replies, sizeof(*replies) * (size_t)n);
	r->nreplies = n;
	r->asked = 0;
	buf_clear(&r->shown);
	r->e = (struct err){ 0 };
	r->r.state_after = rig_state_after(r->wire);
	return r->model->class->complete(r->model, &r->r, &sink, r->mem, &r->out, &r->e);
}

static const struct rig_reply rig_busy = { .status = 529, .body = "" };

/* What would be sent, as one text. */
static inline const char *rig_body(struct rig *r)
{
	rig_ask(r, &rig_busy, 1);
	return r->body[0];
}

/* Is the last one legal? */
static inline void rig_legal(struct rig *r, bool strict)
{
	CHECK_STR(
	    fake_provider_refusal(r->mem, r->p.api, strict, r->body[0], strlen(r->body[0])), NULL);
}

#define RIG_TEST(name_, api_, host_, model_)                                                       \
	static void name_##_body(struct rig *r);                                                   \
	static void name_(struct world *w)                                                         \
	{                                                                                          \
		struct rig r;                                                                      \
                                                                                                   \
		rig_open(&r, w, api_, host_, model_);                                              \
		name_##_body(&r);                                                                  \
		rig_close(&r);                                                                     \
	}                                                                                          \
	static void name_##_body(struct rig *r)

#endif
