#include "server/route.h"

#include "agent/reply.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* The message is written down once, whatever becomes of the request; *seq is its event. */
static int write_once(struct request *r, int64_t *seq, struct err *e)
{
	const char *conversation;

	if (!key_begin(r, r->id, &conversation, seq))
		return err_set(e, ERR_NONE, "answered");
	if (*seq) {
		key_done(r);
		return 0;
	}
	if (agent_message(r->server->o.agent, r->c, json_str(r->body, "content"),
		r->key.key ? &r->key : NULL, seq, e) < 0) {
		key_done(r);
		return -1;
	}
	key_done(r);
	return 0;
}

/* Streaming: events while they happen. */

struct live {
	struct request *r;
	struct buf shown; /* all parts of the turn that were sent here */
	size_t running;   /* look-ups that have not ended */
	struct err err;
	bool gone;
};

static int push_json(struct live *l, json_t *data)
{
	struct buf out = { 0 };
	char *text = json_text(l->r->mem, json_in(l->r->mem, data));

	buf_printf(&out, "data: %s\n\n", text);
	l->gone = http_push(l->r->x, out.data, out.len, &l->err) < 0;
	buf_done(&out);
	return l->gone ? -1 : 0;
}

static int push_delta(struct live *l, const char *s, size_t n)
{
	buf_add(&l->shown, s, n);
	return push_json(l, json_pack("{ss%}", "delta", s, n));
}

/* The rest of the reply, a sentence at a time: what was sent as parts stands at its beginning. */
static int push_rest(struct live *l, const char *content)
{
	size_t had = l->shown.len, n;

	if (had && !strncmp(content, l->shown.data, had))
		content += had;
	while (*content) {
		n = reply_sentence(content, strlen(content));
		if (!n)
			n = strlen(content);
		if (push_delta(l, content, n) < 0)
			return -1;
		content += n;
	}
	return 0;
}

static int push_typing(struct live *l)
{
	return push_json(l, json_pack("{sb}", "typing", 1));
}

/* What is being looked up, in plain words. */
static int push_step(struct live *l, const struct event *ev)
{
	json_t *view = json_in(l->r->mem, event_view(ev, SEEN_BY_CUSTOMER)),
	       *calls = json_object_get(view, "calls");

	l->running += json_array_size(calls);
	return json_array_size(calls) ? push_json(l, json_pack("{sO}", "tools", calls)) : 0;
}

/* One has ended; after the last the model reads and writes. */
static int push_result(struct live *l, const struct event *ev)
{
	const json_t *view = json_in(l->r->mem, event_view(ev, SEEN_BY_CUSTOMER));

	if (push_json(
		l, json_pack("{s{sO sO sO sO}}", "result", "id", json_object_get(view, "call"),
		       "name", json_object_get(view, "name"), "ok", json_object_get(view, "ok"),
		       "ms", json_object_get(view, "ms"))) < 0)
		return -1;
	return l->running && --l->running ? 0 : push_typing(l);
}

static int push_event(void *arg, const struct event *ev)
{
	struct live *l = arg;
	const char *content = json_str_or(ev->data, "content", "");

	if (ev->kind == EVENT_PART)
		return push_delta(l, content, strlen(content)) < 0;
	if (ev->kind == EVENT_MESSAGE && text_is(json_str(ev->data, "role"), "ai"))
		return push_rest(l, content) < 0;
	if (ev->kind == EVENT_RESULT)
		return push_result(l, ev) < 0;
	return ev->kind == EVENT_STEP ? push_step(l, ev) < 0 : 0;
}

static void answer_stream(struct request *r, int64_t seq)
{
	struct live l = { .r = r };
	json_t *answer = NULL;
	struct err e = { 0 };

	http_stream(r->x);
	push_typing(&l);
	if (turn_answer(r, seq, push_event, &l, &answer, &e) < 0) {
		push_json(&l, json_pack("{s{ss ss}}", "error", "code", "unavailable", "message",
				  "the answer cannot be followed any more; the message is kept and "
				  "will be answered"));
	} else if (answer) {
		json_object_set_new(answer, "done", json_true());
		push_json(&l, json_incref(answer));
	}
	buf_done(&l.shown);
}

static void answer_whole(struct request *r, int64_t seq)
{
	struct err e = { 0 };
	json_t *answer;

	if (turn_answer(r, seq, NULL, NULL, &answer, &e) < 0)
		answer_err(r, &e);
	else
		answer_json(r, 200, json_incref(answer));
}

static bool wants_async(const struct request *r)
{
	const char *prefer = http_header(r->x, "Prefer");

	return prefer && strcasestr(prefer, "respond-async");
}

static bool acceptable(struct request *r)
{
	if (!body_read(r, r->server->message_schema))
		return false;
	if (json_object_get(r->body, "attachments"))
		answer_error(
		    r, 400, "bad_request", "attachments", "attachments: not available yet");
	else if (text_blank(json_str(r->body, "content")))
		answer_error(r, 422, "invalid", "content", "content: the message is empty");
	else
		return true;
	return false;
}

void post_message(struct request *r)
{
	bool stream = wants_stream(r);
	struct err e = { 0 };
	int64_t seq;

	if (!acceptable(r))
		return;
	if (stream && !http_may_stream(r->x)) { /* before the message is written, not after */
		answer_error(r, 503, "unavailable", NULL,
		    "too many live streams are open: try again later, or without one");
		return;
	}
	conversation_follow(r->c, stream);
	if (write_once(r, &seq, &e) < 0) {
		if (e.code != ERR_NONE)
			answer_err(r, &e);
	} else if (wants_async(r)) {
		answer_json(r, 202, json_pack("{so}", "message", message_json(r, seq)));
	} else if (stream) {
		answer_stream(r, seq);
	} else {
		answer_whole(r, seq);
	}
	conversation_unfollow(r->c, stream);
}

/* Its effect is the turn's end in the log; asked twice it is the same. */
void post_cancel(struct request *r)
{
	answer_json(
	    r, 200, json_pack("{sb}", "canceled", (int)agent_cancel(r->server->o.agent, r->c)));
}

json_t *said_json(const struct event *ev)
{
	json_t *out = json_pack("{sI ss ss? ss so}", "seq", (json_int_t)ev->seq, "role",
	    json_str_or(ev->data, "role", "system"), "author", json_str(ev->data, "author"),
	    "content", json_str_or(ev->data, "content", ""), "at", answer_time(ev->at));

	if (json_flag(ev->data, "masked"))
		json_object_set_new(out, "masked", json_true());
	return out;
}

/* What was said: pages through the log until the page is full. */
void get_messages(struct request *r)
{
	json_t *items = json_array();
	const struct event *events;
	int64_t at;
	int limit, n = 1;
	struct err e;

	if (!page_of(r, &at, &limit)) {
		json_decref(items);
		return;
	}
	while (n && (int)json_array_size(items) < limit) {
		if (conversation_events(r->c, at, limit, r->mem, &events, &n, &e) < 0) {
			json_decref(items);
			answer_err(r, &e);
			return;
		}
		for (int i = 0; i < n && (int)json_array_size(items) < limit; i++) {
			at = events[i].seq;
			if (events[i].kind == EVENT_MESSAGE)
				json_array_append_new(items, said_json(&events[i]));
		}
	}
	answer_json(r, 200,
	    json_pack("{so so}", "items", items, "next", n ? json_integer(at) : json_null()));
}
