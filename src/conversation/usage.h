#ifndef CONVERSATION_USAGE_H
#define CONVERSATION_USAGE_H

#include "conversation/event.h"

#include <stdbool.h>
#include <stdint.h>

/* What was used: tokens as the provider counted them, and what they cost, in millionths of a US
 * dollar.
 *
 * A step's event and a turn's end carry it as two members, `usage` and `cost`; cost is null where a
 * model that took part has no price.  What attempts cost that came to nothing, so that no step
 * tells of it, stands at the turn's end as `lost_cost`.  So each amount is in the log once as
 * event_cost(), and all sums (head, turn, day) add that. */

struct usage {
	int64_t input_tokens, output_tokens;
	int64_t cache_read_tokens, cache_write_tokens; /* of the input */
	int64_t cost;                                  /* of what has a price */
	bool unpriced;                                 /* something has none */
};

void usage_add(struct usage *sum, const struct usage *u);
void usage_put(json_t *data, const struct usage *u); /* sets `usage` and `cost` */
struct usage usage_read(const json_t *data);

/* What this event says was spent; 0: nothing. */
int64_t event_cost(const struct event *ev);

/* The day of a time, in UTC: days since 1970. */
int64_t usage_day(int64_t ms);

#endif
