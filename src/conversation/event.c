#include "conversation/event.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

#define EVERYBODY (SEEN_BY_CUSTOMER | SEEN_BY_DESK | SEEN_BY_ADMIN)
#define STAFF     (SEEN_BY_DESK | SEEN_BY_ADMIN)

/* Copy the members named, those that are there. */
static json_t *only(const json_t *data, const char *const *keys)
{
	json_t *out = json_object();

	for (; *keys; keys++) {
		json_t *v = json_object_get(data, *keys);

		if (v)
			json_object_set(out, *keys, v);
	}
	return out;
}

static json_t *nothing(const json_t *data)
{
	(void)data;
	return json_object();
}

static json_t *message_for_customer(const json_t *data)
{
	static const char *const keys[] = { "role", "author", "content", "masked", NULL };

	return only(data, keys);
}

static json_t *part_for_customer(const json_t *data)
{
	static const char *const keys[] = { "content", NULL };

	return only(data, keys);
}

/* Of a step the customer sees what is being looked up, in plain words; not with what. */
static json_t *step_for_customer(const json_t *data)
{
	static const char *const keys[] = { "n", NULL }, *const call_keys[] = { "id", "name",
		"shown", NULL };
	json_t *out = only(data, keys), *calls = json_array();
	const json_t *call;
	size_t i;

	json_array_foreach (json_object_get(data, "calls"), i, call)
		json_array_append_new(calls, only(call, call_keys));
	json_object_set_new(out, "calls", calls);
	return out;
}

static json_t *result_for_customer(const json_t *data)
{
	static const char *const keys[] = { "call", "name", "ok", "ms", NULL };

	return only(data, keys);
}

static json_t *escalation_for_customer(const json_t *data)
{
	static const char *const keys[] = { "kind", NULL };

	return only(data, keys);
}

static json_t *end_for_customer(const json_t *data)
{
	static const char *const keys[] = { "outcome", NULL };

	return only(data, keys);
}

static const struct {
	const char *name;
	unsigned seen_by;
	json_t *(*for_customer)(const json_t *data); /* NULL: all of it */
} kinds[EVENT_KINDS] = {
	[EVENT_CREATED] = { "conversation.created", EVERYBODY, nothing },
	[EVENT_IDENTIFIED] = { "customer.identified", EVERYBODY, nothing },
	[EVENT_PROFILE] = { "customer.profile", STAFF, NULL },
	[EVENT_MESSAGE] = { "message", EVERYBODY, message_for_customer },
	[EVENT_PART] = { "reply.part", EVERYBODY, part_for_customer },
	[EVENT_INTENTS] = { "intents.detected", STAFF, NULL },
	[EVENT_STEP] = { "model.step", EVERYBODY, step_for_customer },
	[EVENT_CALL_STARTED] = { "tool.started", STAFF, NULL },
	[EVENT_RESULT] = { "tool.result", EVERYBODY, result_for_customer },
	[EVENT_ESCALATED] = { "escalated", EVERYBODY, escalation_for_customer },
	[EVENT_TURN_ENDED] = { "turn.ended", EVERYBODY, end_for_customer },
	[EVENT_RECAP] = { "conversation.recap", STAFF, NULL },
};

const char *event_name(enum event_kind kind)
{
	return kinds[kind].name;
}

int event_kind_named(const char *name)
{
	for (int i = 0; i < EVENT_KINDS; i++)
		if (text_is(kinds[i].name, name))
			return i;
	return -1;
}

unsigned event_seen_by(enum event_kind kind)
{
	return kinds[kind].seen_by;
}

json_t *event_view(const struct event *ev, unsigned viewer)
{
	if (!(kinds[ev->kind].seen_by & viewer))
		return NULL;
	if (viewer == SEEN_BY_CUSTOMER && kinds[ev->kind].for_customer)
		return kinds[ev->kind].for_customer(ev->data);
	return json_deep_copy(ev->data);
}
