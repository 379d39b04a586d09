#include "conversation/wire_inside.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* The turns a history is made of, and the recap that takes the place of the first ones. */

void wire_begin(struct wire *w, int64_t seq)
{
	if (w->closed.n || w->held.n || w->is_open || w->parts.len || w->nturns)
		bug("a history begins at event %lld and is not empty", (long long)seq);
	w->begin = seq;
}

int wire_turns(const struct wire *w)
{
	return w->nturns;
}

struct wire_turn wire_turn_at(const struct wire *w, int i)
{
	if (i < 0 || i >= w->nturns)
		bug("turn %d of %d", i, w->nturns);
	return w->turns[i];
}

#define FRAME 40 /* names and braces around a message, a call or a result */

size_t wire_message_weight(const struct wire_message *m)
{
	size_t n = FRAME + (m->text ? strlen(m->text) : 0);

	for (int i = 0; m->calls && i < m->n; i++)
		n += FRAME + strlen(m->calls[i].name) + json_size(m->calls[i].arguments);
	for (int i = 0; m->results && i < m->n; i++)
		n += FRAME + strlen(m->results[i].text);
	return n + (m->opaque ? json_size(m->opaque) : 0);
}

size_t wire_weight(const struct wire *w)
{
	size_t n = w->weight + w->parts.len;

	if (w->is_open) {
		n += wire_message_weight(&w->open);
		for (int i = 0; i < w->open.n; i++)
			n += FRAME + strlen(w->results[i].text);
	}
	for (int i = 0; i < w->held.n; i++)
		n += wire_message_weight(&w->held.at[i]);
	return n;
}

void wire_turn_ended(struct wire *w, int64_t seq)
{
	if (w->nturns == w->turns_capacity) {
		w->turns_capacity = w->turns_capacity ? w->turns_capacity * 2 : 8;
		w->turns = mem_resize(w->turns, sizeof(*w->turns) * (size_t)w->turns_capacity);
	}
	w->turns[w->nturns++] = (struct wire_turn){ seq, w->closed.n, w->weight };
	w->run = 0;
	w->origin = NULL;
	w->opaque = NULL;
}

/* Copies into a fresh arena: of the open calls their results too. */

static const struct wire_call *copy_calls(struct wire *w, const struct wire_call *calls, int n)
{
	struct wire_call *out = arena_array(w->mem, struct wire_call, n);

	for (int i = 0; i < n; i++)
		out[i] = (struct wire_call){ .id = wire_keep(w, calls[i].id),
			.name = wire_keep(w, calls[i].name),
			.arguments = wire_keep_json(w, calls[i].arguments),
			.write = calls[i].write };
	return out;
}

static struct wire_result *copy_results(struct wire *w, const struct wire_result *results, int n)
{
	struct wire_result *out = arena_array(w->mem, struct wire_result, n);

	for (int i = 0; i < n; i++)
		out[i] = (struct wire_result){ .id = wire_keep(w, results[i].id),
			.name = wire_keep(w, results[i].name),
			.ok = results[i].ok,
			.text = wire_keep(w, results[i].text) };
	return out;
}

static void copy_message(struct wire *w, struct wire_message *m)
{
	m->turn = wire_keep(w, m->turn);
	m->text = wire_keep(w, m->text);
	m->author = wire_keep(w, m->author);
	m->origin = wire_keep(w, m->origin);
	m->opaque = wire_keep_json(w, m->opaque);
	if (m->calls)
		m->calls = copy_calls(w, m->calls, m->n);
	if (m->results)
		m->results = copy_results(w, m->results, m->n);
}

static void copy_open(struct wire *w)
{
	int n = w->open.n;
	bool *have = arena_array(w->mem, bool, n);
	const char **ids = arena_array(w->mem, const char *, n);

	copy_message(w, &w->open);
	for (int i = 0; i < n; i++) {
		have[i] = w->have[i];
		ids[i] = wire_keep(w, w->log_ids[i]);
	}
	w->results = copy_results(w, w->results, n);
	w->have = have;
	w->log_ids = ids;
}

static void forget_renderings(struct wire *w)
{
	for (int i = 0; i < DIALECTS; i++) {
		buf_done(&w->renderings[i].bytes);
		w->renderings[i].upto = 0;
	}
}

/* All that stays moves to an arena of its own: what is dropped frees its memory. */
static void move(struct wire *w)
{
	struct arena *old = w->mem;

	w->mem = arena_new();
	w->bytes = sizeof(*w->closed.at) * (size_t)w->closed.n;
	forget_renderings(w);
	for (int i = 0; i < w->closed.n; i++)
		copy_message(w, &w->closed.at[i]);
	for (int i = 0; i < w->held.n; i++)
		copy_message(w, &w->held.at[i]);
	if (w->is_open)
		copy_open(w);
	w->origin = wire_keep(w, w->origin);
	w->opaque = wire_keep_json(w, w->opaque);
	arena_free(old);
}

/* The first n messages go, the recap comes. */
static void replace(struct wire *w, int n, const struct wire_message *recap)
{
	struct messages kept = { 0 };
	size_t gone = 0;

	for (int i = 0; i < n; i++)
		gone += wire_message_weight(&w->closed.at[i]);
	wire_push(&kept, recap);
	for (int i = n; i < w->closed.n; i++)
		wire_push(&kept, &w->closed.at[i]);
	free(w->closed.at);
	w->closed = kept;
	gone -= wire_message_weight(recap); /* may wrap: it is only subtracted */
	w->weight -= gone;
	for (int i = 0; i < w->nturns; i++) {
		w->turns[i].upto -= n - 1;
		w->turns[i].weight -= gone;
	}
}

static void forget_turns(struct wire *w, int n)
{
	w->nturns -= n;
	for (int i = 0; i < w->nturns; i++)
		w->turns[i] = w->turns[i + n];
}

void wire_recap(struct wire *w, const struct event *ev)
{
	struct wire_message recap = { .role = WIRE_RECAP,
		.seq = json_int(ev->data, "upto", 0),
		.text = json_str_or(ev->data, "text", "") };
	bool had = w->closed.n && w->closed.at[0].role == WIRE_RECAP;
	int n = 0;

	while (n < w->nturns && w->turns[n].end < recap.seq)
		n++;
	if (n < w->nturns && w->turns[n].end == recap.seq)
		n++;
	else if (recap.seq != w->begin)
		return;
	if (recap.seq <= 0 || text_blank(recap.text))
		return;
	replace(w, recap.seq == w->begin ? had : w->turns[n - 1].upto, &recap);
	if (recap.seq > w->begin)
		forget_turns(w, n);
	w->begin = recap.seq;
	move(w);
}
