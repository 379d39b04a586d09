#include "conversation/wire_inside.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char interrupted[] = "interrupted: the call was not finished";
const char wire_cut_short[] = "You were interrupted after saying this; the customer has read it. "
			      "Go on from there.";

struct wire *wire_new(void)
{
	struct wire *w = mem_new(struct wire);

	w->mem = arena_new();
	return w;
}

void wire_free(struct wire *w)
{
	if (!w)
		return;
	for (int i = 0; i < DIALECTS; i++) {
		buf_done(&w->renderings[i].bytes);
		free(w->renderings[i].offsets);
	}
	buf_done(&w->parts);
	arena_free(w->mem);
	free(w->turns);
	free(w->closed.at);
	free(w->held.at);
	free(w);
}

void wire_push(struct messages *l, const struct wire_message *m)
{
	if (l->n == l->capacity) {
		l->capacity = l->capacity ? l->capacity * 2 : 8;
		l->at = mem_resize(l->at, sizeof(*l->at) * (size_t)l->capacity);
	}
	l->at[l->n++] = *m;
}

const char *wire_keep(struct wire *w, const char *s)
{
	if (!s)
		return NULL;
	w->bytes += strlen(s) + 1;
	return arena_strdup(w->mem, s);
}

const json_t *wire_keep_json(struct wire *w, const json_t *j)
{
	if (!j)
		return NULL;
	w->bytes += 256; /* a guess at a tree's own size; the cache's budget is one too */
	return json_in(w->mem, json_incref(json_unconst(j)));
}

static void close_message(struct wire *w, const struct wire_message *m)
{
	wire_push(&w->closed, m);
	w->weight += wire_message_weight(m);
	w->bytes += sizeof(*m);
}

/* A message that is complete: behind what is open (4). */
static void add(struct wire *w, const struct wire_message *m)
{
	if (w->is_open || w->parts.len)
		wire_push(&w->held, m);
	else
		close_message(w, m);
}

/* Nothing is open any more: what has waited follows. */
static void release(struct wire *w)
{
	for (int i = 0; i < w->held.n; i++)
		close_message(w, &w->held.at[i]);
	w->held.n = 0;
}

static void drop_parts(struct wire *w)
{
	buf_clear(&w->parts);
	w->in_message = false;
}

/* What was shown of a reply that then did not come to its end stays as said. */
static void flush_parts(struct wire *w)
{
	struct wire_message said = { .role = WIRE_AI, .seq = w->parts_seq }, note = {
		.role = WIRE_NOTE, .seq = w->parts_seq, .text = wire_cut_short
	};
	bool blank = !w->parts.len || text_blank(w->parts.data);

	said.text = blank ? NULL : wire_keep(w, w->parts.data);
	drop_parts(w);
	if (!blank) {
		close_message(w, &said);
		close_message(w, &note);
	}
	release(w);
}

/* All calls have their result, or will not get one any more: (1). */
static void close_open(struct wire *w)
{
	struct wire_message results = { .role = WIRE_RESULTS,
		.seq = w->open.seq,
		.turn = w->open.turn,
		.results = w->results,
		.n = w->open.n };

	if (!w->is_open)
		return;
	w->is_open = false;
	close_message(w, &w->open);
	close_message(w, &results);
	release(w);
}

static const char *unless_blank(const char *s)
{
	return s && !text_blank(s) ? s : NULL;
}

static void open_calls(struct wire *w, const struct event *ev, const json_t *calls)
{
	int n = (int)json_array_size(calls);
	struct wire_call *out = arena_array(w->mem, struct wire_call, n);

	w->results = arena_array(w->mem, struct wire_result, n);
	w->have = arena_array(w->mem, bool, n);
	w->log_ids = arena_array(w->mem, const char *, n);
	for (int i = 0; i < n; i++) {
		const json_t *call = json_array_get(calls, (size_t)i),
			     *args = json_object_get(call, "arguments");

		out[i].id = arena_printf(w->mem, "call_%lld_%d", (long long)ev->seq, i);
		out[i].name = wire_keep(w, json_str_or(call, "name", "unknown"));
		out[i].write = text_is(json_str(call, "effect"), "write");
		out[i].arguments =
		    json_is_object(args) ? wire_keep_json(w, args) : json_in(w->mem, json_object());
		w->log_ids[i] = wire_keep(w, json_str_or(call, "id", ""));
		w->results[i] = (struct wire_result){
			.id = out[i].id, .name = out[i].name, .text = interrupted
		};
	}
	w->open = (struct wire_message){ .role = WIRE_AI,
		.seq = ev->seq,
		.turn = wire_keep(w, ev->turn),
		.text = wire_keep(w, unless_blank(json_str(ev->data, "text"))),
		.calls = out,
		.n = n,
		.origin = wire_keep(w, json_str(ev->data, "model")),
		.opaque = wire_keep_json(w, json_object_get(ev->data, "opaque")) };
	w->is_open = true;
}

/* A step that only says something becomes history by the message that shows it; one that calls,
 * here.  One that was superseded never does, but for what was shown of it. */
static void step(struct wire *w, const struct event *ev)
{
	const json_t *calls = json_object_get(ev->data, "calls");
	bool superseded = json_flag(ev->data, "superseded"),
	     own_parts = w->run == json_int(ev->data, "run", -1) && !superseded;

	close_open(w);
	if (!own_parts)
		flush_parts(w);
	w->origin = NULL;
	w->opaque = NULL;
	w->in_message = w->parts.len > 0;
	if (json_array_size(calls) && !superseded) {
		drop_parts(w); /* they are in the step's own text */
		open_calls(w, ev, calls);
	} else if (!superseded) {
		w->origin = wire_keep(w, json_str(ev->data, "model"));
		w->opaque = wire_keep_json(w, json_object_get(ev->data, "opaque"));
	}
}

static void result(struct wire *w, const struct event *ev)
{
	const char *id = json_str_or(ev->data, "call", "");
	const json_t *value = json_object_get(ev->data, "result");
	bool all = true;
	int at = -1;

	if (!w->is_open)
		return; /* (2) */
	for (int i = 0; i < w->open.n; i++)
		if (at < 0 && !w->have[i] && text_is(w->log_ids[i], id))
			at = i;
	if (at < 0)
		return;
	w->have[at] = true;
	w->results[at].ok = json_flag(ev->data, "ok");
	if (!w->results[at].ok)
		w->results[at].text = wire_keep(w, json_str_or(ev->data, "reason", "failed"));
	else
		w->results[at].text = value ? json_text(w->mem, value) : "null";
	w->bytes += strlen(w->results[at].text);
	for (int i = 0; i < w->open.n; i++)
		all &= w->have[i];
	if (all)
		close_open(w);
}

static void message(struct wire *w, const struct event *ev)
{
	static const struct {
		const char *name;
		enum wire_role role;
	} roles[] = { { "customer", WIRE_CUSTOMER }, { "ai", WIRE_AI }, { "person", WIRE_PERSON },
		{ "system", WIRE_NOTE } };
	struct wire_message m = { .role = WIRE_NOTE, .seq = ev->seq };
	const char *role = json_str(ev->data, "role"), *text = json_str_or(ev->data, "content", "");
	int64_t skip =
	    json_int(ev->data, "interim", 0); /* what earlier steps of the turn already hold */

	for (size_t i = 0; i < array_len(roles); i++)
		if (text_is(role, roles[i].name))
			m.role = roles[i].role;
	if (m.role == WIRE_AI) {
		close_open(w);
		if (!w->in_message)
			flush_parts(w);
		drop_parts(w);
		if (skip > 0)
			text += (size_t)skip <= strlen(text) ? (size_t)skip : strlen(text);
		m.origin = w->origin;
		m.opaque = w->opaque;
		w->origin = NULL;
		w->opaque = NULL;
	}
	if (!text_blank(text)) {
		m.turn = wire_keep(w, ev->turn);
		m.text = wire_keep(w, text);
		m.author = wire_keep(w, json_str(ev->data, "author"));
		add(w, &m);
	}
	if (m.role == WIRE_AI)
		release(w);
}

static void part(struct wire *w, const struct event *ev)
{
	int64_t run = json_int(ev->data, "run", 0);

	close_open(w);
	if (run != w->run || w->in_message)
		flush_parts(w);
	w->run = run;
	if (!w->parts.len)
		w->parts_seq = ev->seq;
	buf_adds(&w->parts, json_str_or(ev->data, "content", ""));
}

static void escalated(struct wire *w, const struct event *ev)
{
	struct wire_message m = { .role = WIRE_NOTE, .seq = ev->seq };

	m.turn = wire_keep(w, ev->turn);
	m.text = arena_printf(w->mem, "A colleague has been asked (%s): %s",
	    json_str_or(ev->data, "kind", "handoff"),
	    json_str_or(ev->data, "reason", "no reason was given"));
	w->bytes += strlen(m.text);
	add(w, &m);
}

void wire_append(struct wire *w, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_MESSAGE: message(w, ev); break;
	case EVENT_PART: part(w, ev); break;
	case EVENT_STEP: step(w, ev); break;
	case EVENT_RESULT: result(w, ev); break;
	case EVENT_ESCALATED: escalated(w, ev); break;
	case EVENT_TURN_ENDED:
		close_open(w);
		flush_parts(w);
		wire_turn_ended(w, ev->seq);
		break;
	case EVENT_RECAP: wire_recap(w, ev); break;
	case EVENT_CREATED:
	case EVENT_IDENTIFIED:
	case EVENT_PROFILE:
	case EVENT_INTENTS:
	case EVENT_CALL_STARTED:
	case EVENT_KINDS: break;
	}
}

int wire_len(const struct wire *w)
{
	return w->closed.n;
}

const struct wire_message *wire_at(const struct wire *w, int i)
{
	if (i < 0 || i >= w->closed.n)
		bug("wire message %d of %d", i, w->closed.n);
	return &w->closed.at[i];
}

const struct wire_message *wire_tail(const struct wire *w, struct arena *mem, int *n)
{
	struct wire_message *out = arena_array(mem, struct wire_message, w->held.n + 2);

	*n = 0;
	if (w->is_open) {
		out[(*n)++] = w->open;
		out[(*n)++] = (struct wire_message){ .role = WIRE_RESULTS,
			.seq = w->open.seq,
			.turn = w->open.turn,
			.results = w->results,
			.n = w->open.n };
	} else if (w->parts.len && !text_blank(w->parts.data)) {
		out[(*n)++] = (struct wire_message){ .role = WIRE_AI,
			.seq = w->parts_seq,
			.text = arena_strdup(mem, w->parts.data) };
		out[(*n)++] = (struct wire_message){
			.role = WIRE_NOTE, .seq = w->parts_seq, .text = wire_cut_short
		};
	}
	for (int i = 0; i < w->held.n; i++)
		out[(*n)++] = w->held.at[i];
	return out;
}

static void render_next(struct wire *w, struct rendering *r)
{
	if (r->upto == r->capacity) {
		r->capacity = r->capacity ? r->capacity * 2 : 16;
		r->offsets = mem_resize(r->offsets, sizeof(*r->offsets) * (size_t)r->capacity);
	}
	r->offsets[r->upto] = r->bytes.len;
	r->dialect->render(r->dialect, &r->bytes, &w->closed.at[r->upto]);
	r->upto++;
}

static struct rendering *rendering(struct wire *w, const struct wire_dialect *d)
{
	struct rendering *r = w->renderings;

	while (r < w->renderings + DIALECTS - 1 && r->dialect && r->dialect != d)
		r++;
	w->bytes -= r->bytes.len;
	if (r->dialect != d) { /* the last place is taken over by who comes last */
		buf_clear(&r->bytes);
		r->dialect = d;
		r->upto = 0;
	}
	while (r->upto < w->closed.n)
		render_next(w, r);
	w->bytes += r->bytes.len;
	return r;
}

const struct buf *wire_bytes(struct wire *w, const struct wire_dialect *d)
{
	return &rendering(w, d)->bytes;
}

size_t wire_offset(struct wire *w, const struct wire_dialect *d, int i)
{
	const struct rendering *r = rendering(w, d);

	return i < r->upto ? r->offsets[i] : r->bytes.len;
}

size_t wire_size(const struct wire *w)
{
	return sizeof(*w) + w->bytes +
	       sizeof(struct wire_message) * (size_t)(w->closed.capacity + w->held.capacity) +
	       sizeof(*w->turns) * (size_t)w->turns_capacity;
}
