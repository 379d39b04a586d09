#include "judge/intents.h"

#include "base/text.h"
#include "judge/clauses.h"
#include "judge/trained.h"

#include <math.h>
#include <string.h>

/* The margins of a text; out has room for all classes. */
static void margins(const struct intents *m, const char *text, size_t n, double *out)
{
	struct arena *mem = arena_new();
	const struct vector v = lexicon_vector(mem, &m->lexicon, features_of(mem, text, n));
	float *sum = arena_memdup(mem, m->bias, m->classes * sizeof(*sum));

	for (size_t i = 0; i < v.n; i++) {
		const int8_t *weights = m->weights + (size_t)v.at[i].row * m->classes;
		const float value = v.at[i].value * m->scale[v.at[i].row];

		for (uint32_t c = 0; c < m->classes; c++)
			sum[c] += value * weights[c];
	}
	for (uint32_t c = 0; c < m->classes; c++)
		out[c] = (double)sum[c];
	arena_free(mem);
}

/* Long mails ask at their beginning or at their end: that much of either is judged. */
#define HEAD 1000
#define TAIL 1000

#define CLAUSES_OF_ONE_GLANCE 4

struct judgement {
	const struct intents *m;
	double *p;    /* by class, of the text judged last */
	double *best; /* by class, over all texts */
};

static const char *shortened(struct arena *mem, const char *text)
{
	const size_t n = strlen(text), head = text_utf8_cut(text, n, HEAD);
	const char *tail = text + n - TAIL;

	if (n <= HEAD + TAIL)
		return text;
	while (((unsigned char)*tail & 0xc0) == 0x80)
		tail++;
	return arena_printf(mem, "%.*s\n%s", (int)head, text, tail);
}

/* Is it rather one of the intents than none of them? */
static bool judge(struct judgement *j, const char *text)
{
	bool some = false;

	margins(j->m, text, strlen(text), j->p);
	calibration_apply(j->m->calibration, j->p, j->m->classes);
	for (uint32_t c = 0; c < j->m->classes; c++) {
		some = some || j->p[c] > j->p[0];
		j->best[c] = fmax(j->best[c], j->p[c]);
	}
	return some;
}

static int add_by_p(struct intent *out, int n, struct intent one)
{
	int at = n < INTENTS_MAX ? n : INTENTS_MAX - 1;

	if (n == INTENTS_MAX && out[at].p >= one.p)
		return n;
	for (; at > 0 && out[at - 1].p < one.p; at--)
		out[at] = out[at - 1];
	out[at] = one;
	return n < INTENTS_MAX ? n + 1 : n;
}

/* Is c not among the `places` likeliest intents of the text judged last? */
static bool outranked(const struct judgement *j, uint32_t c, size_t places)
{
	for (uint32_t other = 1; other < j->m->classes; other++)
		if (j->p[other] > j->p[c] && places-- <= 1)
			return true;
	return false;
}

/* A clause knows less than its message: what it alone seems to want counts only when the whole,
 * with a place for each clause that wants something, would have it too.  "Please refund the tent,
 * it was never used" is a refund and not a complaint besides.  A long message blurs; its clauses
 * speak for themselves. */
static void judge_all(struct judgement *j, const char **clauses, size_t n, const char *whole)
{
	size_t places = 0;

	for (size_t i = 0; i < n; i++)
		places += judge(j, clauses[i]);
	if (n == 0 || (n == 1 && strcmp(clauses[0], whole) == 0))
		return;
	judge(j, whole);
	if (n > CLAUSES_OF_ONE_GLANCE)
		return;
	for (uint32_t c = 1; c < j->m->classes; c++)
		if (outranked(j, c, places))
			j->best[c] = j->p[c];
}

int intents_of(
    const struct intents *m, const char *text, double threshold, struct intent out[INTENTS_MAX])
{
	struct arena *mem = arena_new();
	struct judgement j = { m, arena_array(mem, double, m->classes),
		arena_array(mem, double, m->classes) };
	const char *clauses[CLAUSES_MAX];
	const char *whole = shortened(mem, text);
	int found = 0;

	judge_all(&j, clauses, clauses_of(mem, whole, strlen(whole), clauses), whole);
	for (uint32_t c = 1; c < m->classes; c++)
		if (j.best[c] > 0 && j.best[c] >= threshold)
			found = add_by_p(out, found, (struct intent){ m->names[c], j.best[c] });
	arena_free(mem);
	return found;
}
