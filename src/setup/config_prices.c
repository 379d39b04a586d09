/* prices, and the limits of money that need them.  Dollars become whole millionths here. */
#include "setup/config_inside.h"

#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MILLION 1000000

static int64_t millionths(double dollars)
{
	return llround(dollars * MILLION);
}

/* "2026-10-07", its midnight in UTC; false: there is no such day. */
static bool read_date(const char *s, int64_t *ms)
{
	struct tm tm = { 0 }, again;
	time_t t;
	int n = 0;

	if (strlen(s) != 10 ||
	    sscanf(s, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &n) != 3 || n != 10)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	again = tm;
	t = timegm(&again);
	*ms = (int64_t)t * 1000;
	return tm.tm_year >= 70 && again.tm_mon == tm.tm_mon && again.tm_mday == tm.tm_mday;
}

static struct price read_row(
    struct mistakes *m, const struct config *c, const json_t *row, const char *pointer)
{
	double input = json_num(row, "input", 0);
	struct price p = { .above = json_int(row, "above", 0),
		.input = millionths(input),
		.output = millionths(json_num(row, "output", 0)),
		.cache_read = millionths(json_num(row, "cache_read", input)),
		.cache_write = millionths(json_num(row, "cache_write", input)) };
	const char *from = json_str(row, "from");

	if (from && !read_date(from, &p.from))
		yaml_mistake(c->agent, m, json_below(m->mem, pointer, "from"),
		    "expected a day such as 2026-10-07");
	return p;
}

/* For every date one row for all prompts, and no two for the same. */
static void check_rows(struct mistakes *m, const struct config *c, const struct price *rows, int n,
    const char *pointer)
{
	for (int i = 0; i < n; i++) {
		bool all = false;

		for (int k = 0; k < n; k++) {
			all |= rows[k].from == rows[i].from && !rows[k].above;
			if (k < i && rows[k].from == rows[i].from && rows[k].above == rows[i].above)
				yaml_mistake(c->agent, m,
				    json_below_index(m->mem, pointer, (size_t)i),
				    "row %d has the same from and above", k + 1);
		}
		if (!all)
			yaml_mistake(c->agent, m, json_below_index(m->mem, pointer, (size_t)i),
			    "this date needs a row without above too, for shorter prompts");
	}
}

static struct price_list *read_list(struct mistakes *m, const struct config *c, const char *name)
{
	const json_t *rows = json_object_get(json_object_get(yaml_root(c->agent), "prices"), name);
	const char *pointer = json_below(m->mem, "/prices", name);
	struct price *list = arena_array(m->mem, struct price, json_array_size(rows));
	struct price_list *out = arena_new_of(m->mem, struct price_list);
	const json_t *row;
	size_t i;

	out->rows = list;
	json_array_foreach (rows, i, row)
		list[out->n++] = read_row(m, c, row, json_below_index(m->mem, pointer, i));
	if (!config_spoiled(m, c, pointer))
		check_rows(m, c, list, out->n, pointer);
	return out->n ? out : NULL;
}

/* The name as it is written, else without its provider. */
static const char *key_of(const struct config *c, const struct model_entry *e)
{
	const json_t *all = json_object_get(yaml_root(c->agent), "prices");
	const char *bare = strchr(e->name, '/');

	if (e->kind == MODEL_SCRIPTED)
		return json_object_get(all, "scripted") ? "scripted" : NULL;
	if (json_object_get(all, e->name))
		return e->name;
	return bare && json_object_get(all, bare + 1) ? bare + 1 : NULL;
}

static void take_list(struct mistakes *m, struct model_entry *e, const struct price_list *list)
{
	struct price_list *own = arena_new_of(m->mem, struct price_list);

	*own = *list;
	own->model = e->kind == MODEL_SCRIPTED ? "scripted" : e->name;
	e->prices = own;
}

/* All lists are read, so that each mistake is found; the models take theirs.  Ours are free. */
void config_prices(struct mistakes *m, struct config *c, struct model_entry *models)
{
	static const struct price nothing;
	static const struct price_list free_of_charge = { .rows = &nothing, .n = 1 };
	json_t *all = json_object_get(yaml_root(c->agent), "prices"), *rows;
	const char *name;

	for (int i = 0; i < c->nmodels; i++)
		if (models[i].kind == MODEL_BUILTIN || models[i].kind == MODEL_SCRIPTED)
			take_list(m, &models[i], &free_of_charge);
	json_object_foreach (all, name, rows) {
		const struct price_list *list = read_list(m, c, name);

		for (int i = 0; list && i < c->nmodels; i++)
			if (text_is(key_of(c, &models[i]), name))
				take_list(m, &models[i], list);
	}
	for (int i = 0; i < c->nmodels; i++)
		if (!models[i].prices && models[i].kind == MODEL_PROVIDER)
			yaml_mistake(c->agent, &c->notes, models[i].pointer,
			    "%s has no price under prices: what it costs is not known",
			    models[i].name);
}

/* A limit of money holds for all models or for none. */
static void check_priced(struct mistakes *m, const struct config *c, const char *limit)
{
	for (int i = 0; i < c->nmodels; i++)
		if (!c->models[i].prices && c->models[i].kind != MODEL_UNKNOWN)
			yaml_mistake(c->agent, m, c->models[i].pointer,
			    "%s has no price under prices, so limits.%s cannot hold for it",
			    c->models[i].name, limit);
}

void config_money(struct mistakes *m, struct config *c)
{
	const json_t *limits = json_object_get(yaml_root(c->agent), "limits");
	const struct {
		const char *key;
		int64_t *cost;
	} money[] = { { "turn_cost", &c->limits.turn_cost },
		{ "conversation_cost", &c->limits.conversation_cost },
		{ "day_cost", &c->limits.day_cost } };
	const char *first = NULL;

	for (size_t i = 0; i < array_len(money); i++) {
		*money[i].cost = millionths(json_num(limits, money[i].key, 0));
		if (*money[i].cost && !first)
			first = money[i].key;
	}
	if (first)
		check_priced(m, c, first);
}
