#include "agent/turn.h"

#include "base/log.h"

#include <string.h>

/* Tokens and money.
 *
 * Before an attempt its most is reserved: a token for every three bytes that the model must read
 * (English has four and more, other scripts hardly less than three), and the longest answer, at the
 * dearest price that may apply.  After it the reservation goes and what the provider counted comes.
 * All turns that run see each other's reservations for the day, so together they stay below it.
 *
 * Each sum is the log's: the turn's and the conversation's are folded, the day's is read from the
 * log at the start and kept here. */

#define MESSAGE_BYTES 40 /* of what stands around each tool and call */

int budget_open(struct agent *a, struct err *e)
{
	struct spending *s = &a->spending;

	*s = (struct spending){ .day = usage_day(world_time(a->world)) };
	return conversations_spent(a->all, s->day, &s->spent, e);
}

static struct spending *today(struct agent *a)
{
	struct spending *s = &a->spending;
	int64_t day = usage_day(world_time(a->world));

	if (day != s->day) {
		s->day = day;
		s->spent = 0;
		s->told = false;
	}
	return s;
}

static int64_t tokens(size_t bytes)
{
	return (int64_t)((bytes + AGENT_BYTES_PER_TOKEN - 1) / AGENT_BYTES_PER_TOKEN);
}

/* What stands in front of each step was weighed once; a recap has words of its own and no tools. */
static size_t request_bytes(const struct turn *t, const struct model_request *r)
{
	size_t standing = t->aside ? strlen(r->instructions)
				   : t->agent->standing_bytes + MESSAGE_BYTES * (size_t)r->ntools;

	return standing + (r->state ? json_size(r->state) : 0) + wire_weight(r->history);
}

static size_t answer_bytes(const struct model_answer *a)
{
	size_t n = a->text ? strlen(a->text) : 0;

	for (int i = 0; i < a->ncalls; i++)
		n += MESSAGE_BYTES + (a->calls[i].name ? strlen(a->calls[i].name) : 0) +
		     json_size(a->calls[i].arguments);
	return n;
}

/* Reserving.  A recap is, for the limits of a turn, a turn by itself. */

static struct usage used_in_turn(const struct turn *t)
{
	struct usage u = t->unlogged;

	if (!t->aside)
		usage_add(&u, &turn_log(t)->used);
	return u;
}

static int refuse(struct turn *t, const char *rule, struct err *e, const char *what)
{
	t->limit = rule;
	return err_set(e, ERR_LIMIT, "it could exceed %s", what);
}

static int refuse_day(struct turn *t, struct err *e)
{
	struct spending *s = today(t->agent);

	if (!s->told)
		log_warn("limits.day_cost is reached: until midnight (UTC) no model is asked that "
			 "costs money");
	s->told = true;
	return refuse(t, "limit_cost", e, "limits.day_cost");
}

/* All that the attempt may come to: what it cost already, and the most that is still to come. */
static int reserve_money(struct turn *t, int64_t most, struct err *e)
{
	const struct limits *l = &t->agent->config.limits;
	struct spending *s = today(t->agent);

	if (!most)
		return 0;
	if (l->turn_cost && used_in_turn(t).cost + most > l->turn_cost)
		return refuse(t, "limit_cost", e, "limits.turn_cost");
	if (l->conversation_cost &&
	    turn_head(t)->cost + t->unlogged.cost + most > l->conversation_cost)
		return refuse(t, "limit_cost", e, "limits.conversation_cost");
	if (l->day_cost && s->spent + s->reserved - t->reserved + most > l->day_cost)
		return refuse_day(t, e);
	s->reserved += most - t->reserved;
	t->reserved = most;
	return 0;
}

static const struct price_list *prices_of(const struct turn *t, const struct model *m)
{
	const struct agent_config *cf = &t->agent->config;

	return price_list_of(cf->prices, cf->nprices, m->name);
}

int budget_more(struct turn *t, const struct model *m, const struct model_request *r,
    const struct model_usage *so_far, struct err *e)
{
	const struct limits *l = &t->agent->config.limits;
	const struct price_list *list = prices_of(t, m);
	int64_t now = world_time(t->agent->world);
	struct usage used = used_in_turn(t);
	int64_t prompt, longest = l->answer_tokens + m->more_tokens;

	if (m->class->takes_no_tokens || (!l->turn_tokens && !list))
		return 0;
	prompt = tokens(request_bytes(t, r)) + so_far->output_tokens;
	if (l->turn_tokens && used.input_tokens + used.output_tokens + so_far->input_tokens +
				      so_far->output_tokens + prompt + longest >
				  l->turn_tokens)
		return refuse(t, "limit_tokens", e, "limits.turn_tokens");
	if (!list)
		return 0;
	return reserve_money(
	    t, price_cost(list, now, so_far) + price_most(list, now, prompt, longest), e);
}

int budget_reserve(
    struct turn *t, const struct model *m, const struct model_request *r, struct err *e)
{
	return budget_more(t, m, r, &(struct model_usage){ 0 }, e);
}

/* Settling. */

/* Not every provider counts.  A limit that it could so slip through would be none: then we do. */
static struct usage used_by(const struct turn *t, const struct model *m,
    const struct model_request *r, const struct model_answer *a, bool ok)
{
	struct usage u = { .input_tokens = a->usage.input_tokens,
		.output_tokens = a->usage.output_tokens,
		.cache_read_tokens = a->usage.cache_read_tokens,
		.cache_write_tokens = a->usage.cache_write_tokens };

	if (ok && !u.input_tokens && !u.output_tokens && !m->class->takes_no_tokens) {
		u.input_tokens = tokens(request_bytes(t, r));
		u.output_tokens = tokens(answer_bytes(a));
	}
	return u;
}

void budget_settle(struct turn *t, const struct model *m, const struct model_request *r,
    const struct model_answer *answer, bool ok)
{
	const struct price_list *list = prices_of(t, m);
	struct spending *s = today(t->agent);
	struct usage u = used_by(t, m, r, answer, ok);
	struct model_usage counted = { .input_tokens = u.input_tokens,
		.output_tokens = u.output_tokens,
		.cache_read_tokens = u.cache_read_tokens,
		.cache_write_tokens = u.cache_write_tokens };

	if (list)
		u.cost = price_cost(list, world_time(t->agent->world), &counted);
	else
		u.unpriced = u.input_tokens || u.output_tokens;
	s->reserved -= t->reserved;
	s->spent += u.cost;
	t->reserved = 0;
	usage_add(&t->unlogged, &u);
}
