#include "judge/lexicon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_hash(const void *a, const void *b)
{
	const struct feature *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

static struct features all_features(struct arena *mem, const struct features *examples, size_t n)
{
	struct feature *all;
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += examples[i].n;
	all = arena_array(mem, struct feature, total + 1);
	total = 0;
	for (size_t i = 0; i < n; i++) {
		memcpy(all + total, examples[i].at, examples[i].n * sizeof(*all));
		total += examples[i].n;
	}
	qsort(all, total, sizeof(*all), by_hash);
	return (struct features){ all, total };
}

/* A run of letters that one example alone has is noise; a word may be the one that matters. */
static bool worth_a_row(struct feature f, size_t examples)
{
	return examples > 1 || f.group != FEATURE_LETTERS;
}

struct lexicon lexicon_build(struct arena *mem, const struct features *examples, size_t n)
{
	struct arena *scratch = arena_new();
	const struct features all = all_features(scratch, examples, n);
	uint32_t *hashes = arena_array(scratch, uint32_t, all.n + 1);
	float *weights = arena_array(scratch, float, all.n + 1);
	struct lexicon l = { .unknown = (float)log(1 + (double)n) };

	for (size_t i = 0, next; i < all.n; i = next) {
		for (next = i + 1; next < all.n && all.at[next].hash == all.at[i].hash; next++)
			;
		if (!worth_a_row(all.at[i], next - i))
			continue;
		hashes[l.rows] = all.at[i].hash;
		weights[l.rows++] = (float)log(1 + (double)n / (double)(next - i));
	}
	l.hashes = arena_memdup(mem, hashes, l.rows * sizeof(*hashes));
	l.weights = arena_memdup(mem, weights, l.rows * sizeof(*weights));
	arena_free(scratch);
	lexicon_index(mem, &l);
	return l;
}

bool lexicon_index(struct arena *mem, struct lexicon *l)
{
	unsigned bits = 1;
	uint32_t bucket = 0;

	while (bits < 24 && 1u << bits < l->rows)
		bits++;
	l->shift = 32 - bits;
	l->starts = arena_array(mem, uint32_t, (1u << bits) + 1);
	for (uint32_t row = 0; row < l->rows; row++) {
		if (row && l->hashes[row] <= l->hashes[row - 1])
			return false;
		while (bucket <= l->hashes[row] >> l->shift)
			l->starts[bucket++] = row;
	}
	while (bucket <= 1u << bits)
		l->starts[bucket++] = l->rows;
	return true;
}

static bool find(const struct lexicon *l, uint32_t hash, uint32_t *row)
{
	const uint32_t bucket = hash >> l->shift;

	for (uint32_t i = l->starts[bucket]; i < l->starts[bucket + 1]; i++) {
		if (l->hashes[i] == hash) {
			*row = i;
			return true;
		}
	}
	return false;
}

static float scale_of(double squares)
{
	return squares > 0 ? (float)(1 / sqrt(squares)) : 0;
}

struct vector lexicon_vector(struct arena *mem, const struct lexicon *l, struct features f)
{
	struct vector v = { arena_array(mem, struct vector_entry, f.n), 0 };
	uint16_t *groups = arena_array(mem, uint16_t, f.n);
	double squares[FEATURE_GROUPS] = { 0 };
	size_t present = 0;

	for (size_t i = 0; i < f.n; i++) {
		uint32_t row = 0;
		const bool known = find(l, f.at[i].hash, &row);
		const float value =
		    (1 + logf(f.at[i].count)) * (known ? l->weights[row] : l->unknown);

		squares[f.at[i].group] += (double)value * (double)value;
		if (!known)
			continue;
		groups[v.n] = f.at[i].group;
		v.at[v.n++] = (struct vector_entry){ row, value };
	}
	for (size_t g = 0; g < FEATURE_GROUPS; g++)
		present += squares[g] > 0;
	for (size_t i = 0; i < v.n; i++)
		v.at[i].value *= scale_of(squares[groups[i]] * (double)present);
	return v;
}
