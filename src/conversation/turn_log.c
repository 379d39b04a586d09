#include "conversation/turn_log.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

void turn_log_init(struct turn_log *t)
{
	*t = (struct turn_log){ .mem = arena_new() };
}

void turn_log_done(struct turn_log *t)
{
	arena_free(t->mem);
	free(t->calls);
	free(t->origin);
	free(t->carry_origin);
	json_decref(t->opaque);
	json_decref(t->carry);
	buf_done(&t->shown);
	*t = (struct turn_log){ 0 };
}

/* The next turn begins.  What the model left in the last one is handed on. */
static void begin(struct turn_log *t, const struct event *ev)
{
	arena_free(t->mem);
	t->mem = arena_new();
	t->trigger = ev->seq;
	t->started_at = ev->at;
	t->ended = false;
	t->steps = t->ncalls = t->empties = 0;
	t->used = (struct usage){ 0 };
	t->shown_before = 0;
	t->run = 0;
	buf_clear(&t->shown);
	free(t->carry_origin);
	json_decref(t->carry);
	t->carry_origin = t->origin;
	t->carry = t->opaque;
	t->origin = NULL;
	t->opaque = NULL;
}

static void add_call(struct turn_log *t, const json_t *call, const char *by)
{
	struct turn_call *c;

	if (t->ncalls == t->capacity) {
		t->capacity = t->capacity ? t->capacity * 2 : 8;
		t->calls = mem_resize(t->calls, sizeof(*t->calls) * (size_t)t->capacity);
	}
	c = &t->calls[t->ncalls++];
	*c = (struct turn_call){
		.id = arena_strdup(t->mem, json_str_or(call, "id", "")),
		.name = arena_strdup(t->mem, json_str_or(call, "name", "")),
		.by = by,
		.write = text_is(json_str(call, "effect"), "write"),
		.arguments = json_in(t->mem, json_incref(json_object_get(call, "arguments"))),
	};
	if (json_str(call, "key"))
		c->key = arena_strdup(t->mem, json_str(call, "key"));
	c->limit = json_flag(call, "limit");
	if (json_str(call, "refused"))
		c->refused = arena_strdup(t->mem, json_str(call, "refused"));
}

static void step(struct turn_log *t, const struct event *ev)
{
	struct usage used = usage_read(ev->data);
	const char *by = arena_strdup(t->mem, json_str_or(ev->data, "model", ""));
	const json_t *call;
	size_t i;

	t->steps++;
	t->empties += json_flag(ev->data, "empty");
	usage_add(&t->used, &used);
	json_array_foreach (json_object_get(ev->data, "calls"), i, call)
		add_call(t, call, by);
	if (json_array_size(json_object_get(ev->data, "calls")) ||
	    json_flag(ev->data, "superseded"))
		t->shown_before = t->shown.len;
	free(t->origin);
	json_decref(t->opaque);
	t->origin = mem_strdup(json_str_or(ev->data, "model", ""));
	t->opaque = json_incref(json_object_get(ev->data, "opaque"));
}

static void part(struct turn_log *t, const struct event *ev)
{
	int64_t run = json_int(ev->data, "run", 0);

	if (run != t->run)
		t->shown_before = t->shown.len;
	t->run = run;
	buf_adds(&t->shown, json_str_or(ev->data, "content", ""));
}

static struct turn_call *find(const struct turn_log *t, const char *id)
{
	for (int i = t->ncalls - 1; i >= 0; i--)
		if (text_is(t->calls[i].id, id))
			return &t->calls[i];
	return NULL;
}

static void result(struct turn_log *t, const struct event *ev)
{
	struct turn_call *c = find(t, json_str_or(ev->data, "call", ""));

	if (!c || c->state == CALL_DONE)
		return;
	c->state = CALL_DONE;
	c->ok = json_flag(ev->data, "ok");
	c->unknown = json_flag(ev->data, "unknown");
	c->retry = json_flag(ev->data, "retry");
	c->ms = json_int(ev->data, "ms", 0);
	c->value = json_in(t->mem, json_incref(json_object_get(ev->data, "result")));
	c->reason = json_str(ev->data, "reason")
			? arena_strdup(t->mem, json_str(ev->data, "reason"))
			: NULL;
}

static void started(struct turn_log *t, const struct event *ev)
{
	struct turn_call *c = find(t, json_str_or(ev->data, "call", ""));

	if (c && c->state == CALL_OPEN)
		c->state = CALL_STARTED;
}

void turn_log_append(struct turn_log *t, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_MESSAGE:
		if (text_is(json_str(ev->data, "role"), "customer") && (t->ended || !t->trigger))
			begin(t, ev);
		break;
	case EVENT_STEP: step(t, ev); break;
	case EVENT_PART: part(t, ev); break;
	case EVENT_CALL_STARTED: started(t, ev); break;
	case EVENT_RESULT: result(t, ev); break;
	case EVENT_TURN_ENDED: t->ended = true; break;
	default: break;
	}
}

const struct turn_call *turn_log_key(const struct turn_log *t, const char *key)
{
	for (int i = 0; i < t->ncalls; i++) {
		const struct turn_call *c = &t->calls[i];

		if (c->state == CALL_DONE && text_is(c->key, key) && (c->ok || c->unknown))
			return c;
	}
	return NULL;
}
