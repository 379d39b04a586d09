/* Does this value fit that schema?
 *
 * One function a concern, all on struct check: where we are (path), whom to tell, how much work
 * is left.  What may fail without being a mistake (the branches of anyOf, what `not` must not
 * fit) runs quietly and stops at the first thing that is wrong.
 *
 * Recursion goes down the value and, at each place, down the chain of nodes that look at it; the
 * frames are kept small and are at most DEPTH_MAX.  The budget counts nodes visited, comparisons
 * and work of patterns, so that no pair of schema and value takes more than about a second. */
#include "base/schema.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/schema_node.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 128
#define BUDGET    1000000

struct check {
	struct buf path;
	int depth;
	int quiet; /* inside of what may fail */
	int64_t budget;
	const char *too_much; /* why the check was given up; NULL: it was not */
	bool stop;
	schema_mistake_fn *fn;
	void *arg;
	pcre2_match_data *match;
	pcre2_match_context *limits;
};

static bool mistake(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Returns false, so that `return mistake(...)` reads as one act. */
static __attribute__((noinline)) bool mistake(struct check *c, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	int n;

	if (c->quiet || c->stop || !c->fn)
		return false;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		text[text_utf8_cut(text, sizeof(text), sizeof(text) - 1)] = '\0';
	if (c->fn(c->arg, buf_str(&c->path), text))
		c->stop = true;
	return false;
}

static bool give_up(struct check *c, const char *why)
{
	c->too_much = why;
	c->stop = true;
	return false;
}

static bool spend(struct check *c, int64_t work)
{
	c->budget -= work;
	return c->budget >= 0 || give_up(c, "checking it takes too much work");
}

/* Nothing that follows can change the outcome, or anybody's mind. */
static bool settled(const struct check *c, bool ok)
{
	return c->stop || (!ok && c->quiet);
}

static size_t path_push(struct check *c, const char *name)
{
	size_t before = c->path.len;

	buf_add(&c->path, "/", 1);
	for (size_t n; *name; name += n) {
		n = strcspn(name, "~/");
		buf_add(&c->path, name, n);
		if (name[n])
			buf_adds(&c->path, name[n++] == '~' ? "~0" : "~1");
	}
	return before;
}

static void path_pop(struct check *c, size_t before)
{
	c->path.len = before;
	c->path.data[before] = '\0';
}

static bool check(struct check *c, const struct node *n, const json_t *v);

static bool check_member(struct check *c, const struct node *n, const char *name, const json_t *v)
{
	size_t before = path_push(c, name);
	bool ok = check(c, n, v);

	path_pop(c, before);
	return ok;
}

static bool check_item(struct check *c, const struct node *n, size_t i, const json_t *v)
{
	size_t before = c->path.len;
	bool ok;

	buf_printf(&c->path, "/%zu", i);
	ok = check(c, n, v);
	path_pop(c, before);
	return ok;
}

/* Text between quotes for a message, cut where it gets long. */
static const char *quote(const char *s, size_t n, char *out, size_t size)
{
	size_t cut = text_utf8_cut(s, n, size - 8);

	snprintf(out, size, "\"%.*s%s\"", (int)cut, s, cut < n ? "..." : "");
	return out;
}

static const char *value_text(const json_t *v, char *out, size_t size)
{
	const size_t how = JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15);
	size_t n;
	char *text;

	if (json_is_string(v))
		return quote(json_string_value(v), json_string_length(v), out, size);
	n = json_dumpb(v, NULL, 0, how);
	text = mem_alloc(n + 1);
	json_dumpb(v, text, n, how);
	snprintf(out, size, "%.*s", (int)text_utf8_cut(text, n, size - 1), text);
	free(text);
	return out;
}

static __attribute__((noinline)) bool wrong_type(struct check *c, unsigned types, const json_t *v)
{
	char wanted[80], got[80];
	unsigned have = types_of(v);

	if (json_is_real(v) || !(types & TYPE_NUMBER))
		have &= ~(unsigned)(json_is_real(v) ? TYPE_INTEGER : TYPE_NUMBER);
	return mistake(c, "expected %s, got %s", type_names(types, wanted, sizeof(wanted)),
	    type_names(have, got, sizeof(got)));
}

static __attribute__((noinline)) bool not_in_list(
    struct check *c, const json_t *list, const json_t *v)
{
	struct nearest near = nearest_to(json_is_string(v) ? json_string_value(v) : "");
	char one[60], hint[100];
	struct buf all = { 0 };
	size_t i, n = json_array_size(list);

	if (c->quiet || !spend(c, 10 * (int64_t)n))
		return false;
	for (i = 0; i < n; i++) {
		const json_t *allowed = json_array_get(list, i);

		if (json_is_string(allowed))
			nearest_try(&near, json_string_value(allowed));
		if (all.len < 200)
			buf_printf(
			    &all, "%s%s", i ? ", " : "", value_text(allowed, one, sizeof(one)));
	}
	mistake(c, "expected %s%s%s", n == 1 ? "" : "one of ", buf_str(&all),
	    nearest_hint(&near, hint, sizeof(hint)));
	buf_done(&all);
	return false;
}

static bool check_choice(struct check *c, const struct node *n, const json_t *v)
{
	char text[100];

	if (n->constant && !value_same(n->constant, v))
		return mistake(c, "expected %s", value_text(n->constant, text, sizeof(text)));
	if (!n->any_value)
		return true;
	for (size_t i = 0; i < json_array_size(n->any_value); i++)
		if (!spend(c, 1) || value_same(json_array_get(n->any_value, i), v))
			return true;
	return not_in_list(c, n->any_value, v);
}

static bool too_few(struct check *c, size_t have, int64_t min, const char *what)
{
	return mistake(
	    c, "expected at least %" PRId64 " %s%s, got %zu", min, what, min == 1 ? "" : "s", have);
}

static bool too_many(struct check *c, size_t have, int64_t max, const char *what)
{
	return mistake(
	    c, "expected at most %" PRId64 " %s%s, got %zu", max, what, max == 1 ? "" : "s", have);
}

static bool check_range(struct check *c, const struct count_range *r, size_t have, const char *what)
{
	if ((int64_t)have < r->min)
		return too_few(c, have, r->min, what);
	if ((int64_t)have > r->max)
		return too_many(c, have, r->max, what);
	return true;
}

static __attribute__((noinline)) bool bad_number(
    struct check *c, const char *what, const json_t *limit)
{
	char text[60];

	return mistake(c, "expected %s %s", what, value_text(limit, text, sizeof(text)));
}

static bool check_number(struct check *c, const struct node *n, const json_t *v)
{
	bool ok = true;

	if (n->minimum && number_compare(v, n->minimum) < 0)
		ok = bad_number(c, "at least", n->minimum);
	if (n->maximum && number_compare(v, n->maximum) > 0)
		ok = bad_number(c, "at most", n->maximum);
	if (n->above && number_compare(v, n->above) <= 0)
		ok = bad_number(c, "more than", n->above);
	if (n->below && number_compare(v, n->below) >= 0)
		ok = bad_number(c, "less than", n->below);
	if (n->multiple_of && !number_divides(n->multiple_of, v))
		ok = bad_number(c, "a multiple of", n->multiple_of);
	return ok;
}

/* 1: found, 0: not, and then the check may have been given up.  What PCRE2 may do grows with the
 * text and is charged in advance: a hostile pattern is cut off, an honest one never notices. */
static int find(struct check *c, const struct pattern *p, const char *s, size_t n)
{
	size_t limit = 20000 + 10 * n;
	int found;

	if (!spend(c, (int64_t)limit / 50))
		return 0;
	if (!c->match) {
		c->match = pcre2_match_data_create(1, NULL);
		c->limits = pcre2_match_context_create(NULL);
		pcre2_set_heap_limit(c->limits, 4096);
	}
	pcre2_set_match_limit(c->limits, (uint32_t)(limit < UINT32_MAX ? limit : UINT32_MAX));
	found = pcre2_match(p->code, (PCRE2_SPTR)s, n, 0, PCRE2_NO_UTF_CHECK, c->match, c->limits);
	if (found >= 0)
		return 1;
	if (found != PCRE2_ERROR_NOMATCH)
		give_up(c, "a pattern takes too much work on it");
	return 0;
}

static bool check_string(struct check *c, const struct node *n, const json_t *v)
{
	const char *s = json_string_value(v);
	size_t len = json_string_length(v);
	bool ok = true;

	if (n->characters.min > 0 || n->characters.max < INT64_MAX)
		ok = check_range(c, &n->characters, text_utf8_len(s, len), "character");
	if (n->pattern && !settled(c, ok) && !find(c, n->pattern, s, len) && !c->stop)
		ok = mistake(c, "does not match the pattern %.200s", n->pattern->text);
	return ok;
}

struct hashed {
	uint64_t hash;
	size_t index;
};

static int by_hash(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static bool check_unique(struct check *c, const json_t *v)
{
	size_t n = json_array_size(v);
	struct hashed *items = mem_alloc(n * sizeof(*items));
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		items[i] = (struct hashed){ value_hash(json_array_get(v, i)), i };
	qsort(items, n, sizeof(*items), by_hash);
	for (size_t i = 1; i < n && ok; i++)
		for (size_t j = i; j > 0 && items[j - 1].hash == items[i].hash && ok; j--) {
			const json_t *a = json_array_get(v, items[j - 1].index);

			if (!spend(c, 1))
				ok = false;
			else if (value_same(a, json_array_get(v, items[i].index)))
				ok = mistake(c, "items %zu and %zu are the same",
				    items[j - 1].index + 1, items[i].index + 1);
		}
	free(items);
	return ok;
}

static bool check_array(struct check *c, const struct node *n, const json_t *v)
{
	size_t size = json_array_size(v), prefix = (size_t)n->prefix.n;
	bool ok = check_range(c, &n->length, size, "item");

	for (size_t i = 0; i < size && i < prefix && !settled(c, ok); i++)
		ok &= check_item(c, n->prefix.at[i], i, json_array_get(v, i));
	for (size_t i = prefix; n->items && i < size && !settled(c, ok); i++)
		ok &= check_item(c, n->items, i, json_array_get(v, i));
	if (n->unique && !settled(c, ok))
		ok &= check_unique(c, v);
	return ok;
}

static int property_order(const void *name, const void *property)
{
	return strcmp(name, ((const struct property *)property)->name);
}

static __attribute__((noinline)) bool unknown_key(
    struct check *c, const struct node *n, const char *name)
{
	struct nearest near = nearest_to(name);
	char shown[80], hint[100];
	size_t before;

	if (c->quiet || !spend(c, INT64_C(10) * n->nproperties))
		return false;
	before = path_push(c, name);
	for (int i = 0; i < n->nproperties; i++)
		nearest_try(&near, n->properties[i].name);
	mistake(c, "unknown key %s%s", quote(name, strlen(name), shown, sizeof(shown)),
	    nearest_hint(&near, hint, sizeof(hint)));
	path_pop(c, before);
	return false;
}

static __attribute__((noinline)) bool check_name(
    struct check *c, const struct node *n, const char *name)
{
	json_t *text = json_string(name);
	bool ok = check_member(c, n, name, text);

	json_decref(text);
	return ok;
}

static bool check_one_member(
    struct check *c, const struct node *n, const char *name, const json_t *v)
{
	const struct property *p =
	    n->nproperties
		? bsearch(name, n->properties, (size_t)n->nproperties, sizeof(*p), property_order)
		: NULL;
	bool ok = true, known = p;

	if (n->names)
		ok = check_name(c, n->names, name);
	if (p && !settled(c, ok))
		ok &= check_member(c, p->node, name, v);
	for (int i = 0; i < n->npatterns && !settled(c, ok); i++)
		if (find(c, &n->patterns[i], name, strlen(name))) {
			known = true;
			ok &= check_member(c, n->patterns[i].node, name, v);
		}
	if (known || !n->additional || settled(c, ok))
		return ok;
	if (n->additional->never)
		return unknown_key(c, n, name);
	return check_member(c, n->additional, name, v) && ok;
}

static bool check_required(struct check *c, const json_t *required, const json_t *v)
{
	char shown[80];
	bool ok = true;

	for (size_t i = 0; i < json_array_size(required) && !settled(c, ok); i++) {
		const json_t *name = json_array_get(required, i);
		const char *s = json_string_value(name);
		size_t n = json_string_length(name);

		if (!spend(c, 1) || json_object_getn(v, s, n))
			continue;
		ok = mistake(c, "missing %s", quote(s, n, shown, sizeof(shown)));
	}
	return ok;
}

static bool check_object(struct check *c, const struct node *n, const json_t *v)
{
	bool ok = check_range(c, &n->members, json_object_size(v), "member");
	const char *name;
	json_t *member;

	if (n->nproperties || n->npatterns || n->additional || n->names)
		json_object_foreach (json_unconst(v), name, member) {
			if (settled(c, ok))
				return ok;
			ok &= check_one_member(c, n, name, member);
		}
	if (n->required && !settled(c, ok))
		ok &= check_required(c, n->required, v);
	return ok;
}

static bool fits(struct check *c, const struct node *n, const json_t *v)
{
	bool ok;

	c->quiet++;
	ok = check(c, n, v);
	c->quiet--;
	return ok;
}

static unsigned types_taken(const struct node *n)
{
	while (!n->types && n->ref)
		n = n->ref;
	return n->types;
}

/* None of the branches fits.  When only one of them takes this type, it is the one that was
 * meant: its mistakes are the ones to tell.  NULL: told already. */
static __attribute__((noinline)) const struct node *meant_branch(
    struct check *c, const struct node_list *branches, const json_t *v)
{
	const struct node *meant = NULL;
	unsigned all = 0;
	bool untyped = false;
	int takers = 0;

	for (int i = 0; i < branches->n; i++) {
		unsigned types = types_taken(branches->at[i]);

		all |= types;
		untyped |= !types;
		if (!types || (types & types_of(v))) {
			meant = branches->at[i];
			takers++;
		}
	}
	if (takers == 1)
		return meant;
	if (!takers && !untyped)
		wrong_type(c, all, v);
	else
		mistake(c, "fits none of the %d alternatives", branches->n);
	return NULL;
}

static bool fits_none(struct check *c, const struct node_list *branches, const json_t *v)
{
	const struct node *meant = c->quiet ? NULL : meant_branch(c, branches, v);

	return meant && check(c, meant, v);
}

static bool check_any(struct check *c, const struct node_list *branches, const json_t *v)
{
	for (int i = 0; i < branches->n; i++)
		if (fits(c, branches->at[i], v))
			return true;
	return c->stop ? false : fits_none(c, branches, v);
}

static bool check_exactly_one(struct check *c, const struct node_list *branches, const json_t *v)
{
	int n = 0;

	for (int i = 0; i < branches->n && !c->stop; i++)
		n += fits(c, branches->at[i], v);
	if (n == 1 || c->stop)
		return n == 1;
	if (n == 0)
		return fits_none(c, branches, v);
	return mistake(c, "fits %d alternatives where one is allowed", n);
}

static bool check_combined(struct check *c, const struct node *n, const json_t *v)
{
	bool ok = true;

	if (n->ref)
		ok = check(c, n->ref, v);
	for (int i = 0; i < n->all_of.n && !settled(c, ok); i++)
		ok &= check(c, n->all_of.at[i], v);
	if (n->any_of.n && !settled(c, ok))
		ok &= check_any(c, &n->any_of, v);
	if (n->one_of.n && !settled(c, ok))
		ok &= check_exactly_one(c, &n->one_of, v);
	if (n->negated && !settled(c, ok) && fits(c, n->negated, v))
		ok = mistake(c, "is one of the values that are not allowed");
	return ok;
}

static bool check_kind(struct check *c, const struct node *n, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return check_object(c, n, v);
	case JSON_ARRAY: return check_array(c, n, v);
	case JSON_STRING: return check_string(c, n, v);
	case JSON_INTEGER:
	case JSON_REAL: return check_number(c, n, v);
	default: return true;
	}
}

static bool check(struct check *c, const struct node *n, const json_t *v)
{
	bool ok;

	if (c->stop || !spend(c, 1))
		return false;
	if (n->never)
		return mistake(c, "nothing is allowed here");
	if (n->types && !(n->types & types_of(v)))
		return wrong_type(c, n->types, v);
	if (c->depth == DEPTH_MAX)
		return give_up(c, "it is nested too deeply");
	c->depth++;
	ok = check_choice(c, n, v);
	if (!settled(c, ok))
		ok &= check_kind(c, n, v);
	if (!settled(c, ok))
		ok &= check_combined(c, n, v);
	c->depth--;
	return ok;
}

bool schema_check(const struct schema *s, const json_t *value, schema_mistake_fn *fn, void *arg)
{
	struct check c = { .budget = BUDGET, .quiet = fn ? 0 : 1, .fn = fn, .arg = arg };
	bool ok = check(&c, s->root, value);

	if (c.too_much) {
		ok = false;
		if (fn)
			fn(arg, "", c.too_much);
	}
	pcre2_match_data_free(c.match);
	pcre2_match_context_free(c.limits);
	buf_done(&c.path);
	return ok;
}

/* "/items/0/id" reads as "items.0.id". */
static int add_brief(void *arg, const char *pointer, const char *message)
{
	struct buf *line = arg;

	buf_adds(line, line->len ? "; " : "");
	for (const char *p = *pointer ? pointer + 1 : pointer; *p; p++)
		buf_add(line, *p == '/' ? "." : p, 1);
	buf_printf(line, "%s%s", *pointer ? ": " : "", message);
	return line->len > 300;
}

bool schema_check_brief(const struct schema *s, const json_t *value, struct err *e)
{
	struct buf line = { 0 };
	bool ok = schema_check(s, value, add_brief, &line);

	if (!ok) {
		size_t cut = text_utf8_cut(buf_str(&line), line.len, sizeof(e->msg) - 1);

		err_set(e, ERR_INVALID, "%.*s", (int)cut, buf_str(&line));
	}
	buf_done(&line);
	return ok;
}
