#ifndef MODEL_PRICE_H
#define MODEL_PRICE_H

#include "model/model.h"

#include <stdint.h>

/* What a step costs: the provider's count times the price that held that day.
 *
 * Pure functions over whole numbers, so that sums over a year are exact.  An amount is millionths
 * of a US dollar; a price is the same for a million tokens, so $2.50 a million is 2500000.
 *
 * Prices change, and long prompts may cost more: a list has a row for each date and for each size
 * of prompt.  Nothing here knows any provider's prices; they are configuration. */

struct price {
	int64_t from;  /* holds from then on: ms since 1970 */
	int64_t above; /* ... for prompts of more tokens than this; 0: for all */
	int64_t input, output, cache_read, cache_write;
};

struct price_list {
	const char *model;        /* as in struct model */
	const struct price *rows; /* in any order; at least one */
	int n;
};

/* NULL: this model has no price. */
const struct price_list *price_list_of(const struct price_list *all, int n, const char *model);

/* The row of the newest date that is not after `now` (before the first date, of the first), and of
 * its rows the one for a prompt of this size.  Never NULL. */
const struct price *price_at(const struct price_list *list, int64_t now, int64_t prompt_tokens);

/* Rounded half up. */
int64_t price_cost(const struct price_list *list, int64_t now, const struct model_usage *u);

/* The most that a step can cost whose prompt and answer have so many tokens, whatever of it is
 * cached. */
int64_t price_most(
    const struct price_list *list, int64_t now, int64_t prompt_tokens, int64_t answer_tokens);

#endif
