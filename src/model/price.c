#include "model/price.h"

#include "base/text.h"

#define MILLION    1000000
#define TOKENS_MAX 10000000 /* more is no count; at the dearest price the sum is below 2^63 */

const struct price_list *price_list_of(const struct price_list *all, int n, const char *model)
{
	for (int i = 0; i < n; i++)
		if (text_is(all[i].model, model))
			return &all[i];
	return NULL;
}

/* The date whose rows hold now. */
static int64_t date_at(const struct price_list *list, int64_t now)
{
	int64_t first = list->rows[0].from, newest = INT64_MIN;

	for (int i = 0; i < list->n; i++) {
		int64_t from = list->rows[i].from;

		if (from < first)
			first = from;
		if (from <= now && from > newest)
			newest = from;
	}
	return newest == INT64_MIN ? first : newest;
}

const struct price *price_at(const struct price_list *list, int64_t now, int64_t prompt_tokens)
{
	int64_t date = date_at(list, now);
	const struct price *best = NULL, *lowest = NULL;

	for (int i = 0; i < list->n; i++) {
		const struct price *p = &list->rows[i];

		if (p->from != date)
			continue;
		if (!lowest || p->above < lowest->above)
			lowest = p;
		if ((p->above < prompt_tokens || !p->above) && (!best || p->above > best->above))
			best = p;
	}
	return best ? best : lowest;
}

static int64_t count(int64_t tokens)
{
	return tokens < 0 ? 0 : tokens > TOKENS_MAX ? TOKENS_MAX : tokens;
}

static int64_t rounded(int64_t sum)
{
	return (sum + MILLION / 2) / MILLION;
}

int64_t price_cost(const struct price_list *list, int64_t now, const struct model_usage *u)
{
	int64_t all = count(u->input_tokens), read = count(u->cache_read_tokens),
		write = count(u->cache_write_tokens), plain = all - read - write;
	const struct price *p = price_at(list, now, all);

	if (plain < 0) /* the parts were counted, the whole was not */
		plain = 0;
	return rounded(plain * p->input + read * p->cache_read + write * p->cache_write +
		       count(u->output_tokens) * p->output);
}

static int64_t dearest(const struct price *p)
{
	int64_t most = p->input;

	if (p->cache_read > most)
		most = p->cache_read;
	return p->cache_write > most ? p->cache_write : most;
}

int64_t price_most(
    const struct price_list *list, int64_t now, int64_t prompt_tokens, int64_t answer_tokens)
{
	const struct price *p = price_at(list, now, count(prompt_tokens));

	return (count(prompt_tokens) * dearest(p) + count(answer_tokens) * p->output + MILLION -
		   1) /
	       MILLION;
}
