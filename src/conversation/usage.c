#include "conversation/usage.h"

#define DAY_MS 86400000

void usage_add(struct usage *sum, const struct usage *u)
{
	sum->input_tokens += u->input_tokens;
	sum->output_tokens += u->output_tokens;
	sum->cache_read_tokens += u->cache_read_tokens;
	sum->cache_write_tokens += u->cache_write_tokens;
	sum->cost += u->cost;
	sum->unpriced |= u->unpriced;
}

void usage_put(json_t *data, const struct usage *u)
{
	json_t *usage = json_pack("{sI sI}", "input_tokens", (json_int_t)u->input_tokens,
	    "output_tokens", (json_int_t)u->output_tokens);

	if (u->cache_read_tokens)
		json_object_set_new(usage, "cache_read_tokens", json_integer(u->cache_read_tokens));
	if (u->cache_write_tokens)
		json_object_set_new(
		    usage, "cache_write_tokens", json_integer(u->cache_write_tokens));
	json_object_set_new(data, "usage", usage);
	json_object_set_new(data, "cost", u->unpriced ? json_null() : json_integer(u->cost));
}

struct usage usage_read(const json_t *data)
{
	const json_t *usage = json_object_get(data, "usage");

	return (struct usage){ .input_tokens = json_int(usage, "input_tokens", 0),
		.output_tokens = json_int(usage, "output_tokens", 0),
		.cache_read_tokens = json_int(usage, "cache_read_tokens", 0),
		.cache_write_tokens = json_int(usage, "cache_write_tokens", 0),
		.cost = json_int(data, "cost", 0),
		.unpriced = json_is_null(json_object_get(data, "cost")) };
}

int64_t event_cost(const struct event *ev)
{
	return json_int(ev->data, ev->kind == EVENT_TURN_ENDED ? "lost_cost" : "cost", 0);
}

int64_t usage_day(int64_t ms)
{
	return ms / DAY_MS;
}
