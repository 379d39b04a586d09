#include "server/route.h"

#include "base/mem.h"

#include <string.h>

#define HEARTBEAT_MS 15000
#define BATCH        100

static json_t *event_json(struct request *r, const struct event *ev)
{
	json_t *data = event_view(ev, r->viewer);

	if (!data)
		return NULL;
	return json_pack("{sI ss? ss so so}", "seq", (json_int_t)ev->seq, "turn", ev->turn, "kind",
	    event_name(ev->kind), "at", answer_time(ev->at), "data", data);
}

static void get_page_of_events(struct request *r, int64_t after, int limit)
{
	json_t *items = json_array();
	const struct event *events;
	struct err e;
	int n;

	if (conversation_events(r->c, after, limit, r->mem, &events, &n, &e) < 0) {
		json_decref(items);
		answer_err(r, &e);
		return;
	}
	for (int i = 0; i < n; i++) {
		json_t *item = event_json(r, &events[i]);

		if (item)
			json_array_append_new(items, item);
	}
	answer_json(r, 200,
	    json_pack("{so so}", "items", items, "next",
		n == limit ? json_integer(events[n - 1].seq) : json_null()));
}

static int push_event(struct request *r, struct arena *mem, const struct event *ev, struct err *e)
{
	json_t *item = json_in(mem, event_json(r, ev));
	const char *text;

	if (!item)
		return 0;
	text = arena_printf(mem, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)ev->seq,
	    event_name(ev->kind), json_text(mem, item));
	return http_push(r->x, text, strlen(text), e);
}

/* The events after *at, as they are now; no faster than they are read. */
static int push_events(struct request *r, int64_t *at, struct err *e)
{
	struct arena *mem = arena_new();
	const struct event *events;
	int n, result = conversation_events(r->c, *at, BATCH, mem, &events, &n, e);

	for (int i = 0; result == 0 && i < n; i++) {
		result = push_event(r, mem, &events[i], e);
		if (result == 0)
			result = http_drain(r->x, e);
		*at = events[i].seq;
	}
	arena_free(mem);
	return result;
}

/* Until the reader goes, the server stops, or the conversation must be read anew: the reader comes
 * back with Last-Event-ID, and nothing is lost or doubled. */
static void stream_events(struct request *r, int64_t after)
{
	struct err e;

	http_stream(r->x);
	conversation_follow(r->c, true);
	while (push_events(r, &after, &e) == 0) {
		if (conversation_wait(r->c, after, fiber_now() + HEARTBEAT_MS, &e) == 0)
			continue;
		if (e.code != ERR_TIMEOUT || http_push(r->x, ": still here\n\n", 14, &e) < 0)
			break;
	}
	conversation_unfollow(r->c, true);
}

void get_events(struct request *r)
{
	int64_t after;
	int limit;

	if (!page_of(r, &after, &limit))
		return;
	if (wants_stream(r))
		stream_events(r, after);
	else
		get_page_of_events(r, after, limit);
}
