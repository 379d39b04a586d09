#include "server/route.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 200

/* The calls of some events, each with its result where there is one. */

static json_t *call_for(const json_t *call, unsigned viewer, int64_t at)
{
	json_t *out =
	    json_pack("{ss so}", "name", json_str_or(call, "name", ""), "at", answer_time(at));

	if (viewer == SEEN_BY_CUSTOMER)
		return out;
	json_object_set(out, "arguments", json_object_get(call, "arguments"));
	json_put_str(out, "effect", json_str(call, "effect"));
	json_put_str(out, "verdict", json_str(call, "refused") ? "refused" : "allow");
	return out;
}

static void add_result(json_t *out, const json_t *result, unsigned viewer)
{
	json_object_set(out, "ms", json_object_get(result, "ms"));
	json_object_set(out, "ok", json_object_get(result, "ok"));
	if (viewer == SEEN_BY_CUSTOMER)
		return;
	if (json_flag(result, "ok"))
		json_object_set(out, "result", json_object_get(result, "result"));
	else
		json_object_set(out, "result", json_object_get(result, "reason"));
}

json_t *turn_calls(const struct event *events, int n, unsigned viewer)
{
	json_t *list = json_array();
	struct map by_id = { 0 };

	for (int i = 0; i < n; i++) {
		const json_t *calls = json_object_get(events[i].data, "calls"), *call;
		json_t *known = events[i].kind == EVENT_RESULT
				    ? map_get(&by_id, json_str_or(events[i].data, "call", ""))
				    : NULL;
		size_t k;

		if (known)
			add_result(known, events[i].data, viewer);
		if (events[i].kind != EVENT_STEP)
			continue;
		json_array_foreach (calls, k, call) {
			json_t *out = call_for(call, viewer, events[i].at);

			map_put(&by_id, json_str_or(call, "id", ""), out);
			json_array_append_new(list, out);
		}
	}
	map_done(&by_id);
	return list;
}

json_t *escalation_json(const struct head *h, unsigned viewer)
{
	const struct escalation *x = &h->escalation;

	if (!x->pending)
		return json_null();
	if (viewer == SEEN_BY_CUSTOMER)
		return json_pack("{sb ss}", "pending", 1, "kind", x->kind);
	return json_pack("{sb ss ss ss so}", "pending", 1, "kind", x->kind, "reason", x->reason,
	    "rule", x->rule, "since", answer_time(x->since));
}

/* Waiting for the end of a turn. */

/* The event behind which the turn that answers `seq` begins, so far as it is known: whoever joins a
 * turn that runs hears all of it, since its reply holds what was shown before. */
static int64_t before_turn(const struct conversation *c, int64_t seq)
{
	int64_t trigger = conversation_turn(c)->trigger;

	return trigger && trigger < seq ? trigger - 1 : seq;
}

/* Read on until the turn that answers `seq` has ended; each() sees every event.  0: *end is that
 * event, or its kind is EVENT_KINDS when each() had enough. */
static int find_end(struct request *r, int64_t seq, turn_event_fn *each, void *arg,
    struct event *end, struct err *e)
{
	int64_t at = before_turn(r->c, seq);

	for (;;) {
		const struct event *events;
		int n;

		if (conversation_wait(r->c, at, FOREVER, e) < 0 ||
		    conversation_events(r->c, at, BATCH, r->mem, &events, &n, e) < 0)
			return -1;
		for (int i = 0; i < n; i++) {
			at = events[i].seq;
			*end = events[i];
			if (events[i].kind == EVENT_TURN_ENDED &&
			    json_int(events[i].data, "answered", 0) >= seq)
				return 0;
			if (each && each(arg, &events[i])) {
				end->kind = EVENT_KINDS;
				return 0;
			}
		}
	}
}

/* All events of the turn, from the message that opened it to its end. */
static int read_turn(
    struct request *r, const struct event *end, const struct event **events, int *n, struct err *e)
{
	int64_t trigger = end->turn ? strtoll(end->turn + 1, NULL, 10) : end->seq;
	struct event *all = arena_array(r->mem, struct event, end->seq - trigger + 1);
	int64_t at = trigger - 1;

	for (*n = 0; at < end->seq;) {
		const struct event *some;
		int k;

		if (conversation_events(r->c, at, BATCH, r->mem, &some, &k, e) < 0)
			return -1;
		for (int i = 0; i < k && some[i].seq <= end->seq; i++)
			all[(*n)++] = some[i];
		if (!k)
			return err_set(
			    e, ERR_IO, "the log of %s ends at %lld", r->id, (long long)at);
		at = some[k - 1].seq;
	}
	*events = all;
	return 0;
}

/* What it cost is not the customer's business. */
static json_t *usage_json(const struct event *end, unsigned viewer)
{
	json_t *usage = json_copy(json_object_get(end->data, "usage"));

	if (viewer != SEEN_BY_CUSTOMER)
		json_object_set(usage, "cost", json_object_get(end->data, "cost"));
	return usage;
}

static json_t *turn_json(
    const struct event *events, int n, const struct event *end, unsigned viewer)
{
	return json_pack("{ss sO so so sO ss}", "id", end->turn, "steps",
	    json_object_get(end->data, "steps"), "tool_calls", turn_calls(events, n, viewer),
	    "usage", usage_json(end, viewer), "ms", json_object_get(end->data, "ms"), "outcome",
	    json_str_or(end->data, "outcome", ""));
}

static json_t *reply_json(const struct event *events, int n)
{
	for (int i = n - 1; i >= 0; i--)
		if (events[i].kind == EVENT_MESSAGE &&
		    text_is(json_str(events[i].data, "role"), "ai"))
			return json_pack("{sI ss so sn}", "seq", (json_int_t)events[i].seq,
			    "content", json_str_or(events[i].data, "content", ""), "at",
			    answer_time(events[i].at), "confidence");
	return json_null();
}

json_t *message_json(const struct request *r, int64_t seq)
{
	return json_pack("{ss sI}", "id", arena_printf(r->mem, "%s.%lld", r->id, (long long)seq),
	    "seq", (json_int_t)seq);
}

int turn_answer(
    struct request *r, int64_t seq, turn_event_fn *each, void *arg, json_t **answer, struct err *e)
{
	const struct head *h = conversation_head(r->c);
	const struct event *events = NULL;
	struct event end = { .kind = EVENT_KINDS };
	int n = 0;

	*answer = NULL;
	if (h->owner != OWNER_PERSON || h->open_since) { /* else a person answers, no turn does */
		if (find_end(r, seq, each, arg, &end, e) < 0)
			return -1;
		if (end.kind != EVENT_TURN_ENDED)
			return 0;
	}
	if (end.kind == EVENT_TURN_ENDED && read_turn(r, &end, &events, &n, e) < 0)
		return -1;
	h = conversation_head(r->c);
	*answer =
	    json_in(r->mem, json_pack("{so so ss so so}", "message", message_json(r, seq), "reply",
				reply_json(events, n), "owner", owner_name(h->owner), "escalation",
				escalation_json(h, r->viewer), "turn",
				end.kind == EVENT_TURN_ENDED ? turn_json(events, n, &end, r->viewer)
							     : json_null()));
	return 0;
}
