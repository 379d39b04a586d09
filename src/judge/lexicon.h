#ifndef JUDGE_LEXICON_H
#define JUDGE_LEXICON_H

#include "base/arena.h"
#include "judge/features.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The features that training has met, a row number for each, and how much each says.
 *
 * A feature of few examples says more than one of many (inverse document frequency).  Those of a
 * text make a vector: each group has length 1, so that forty runs of letters do not drown three
 * words, and the whole has length 1, so that long texts do not shout.  What the lexicon does not
 * know counts in these lengths but has no row: the more unknown words, the shorter the vector, and
 * the less sure the judgement. */

struct lexicon {
	uint32_t rows;
	const uint32_t *hashes; /* ascending: the row of a hash is its place */
	const float *weights;   /* by row */
	float unknown;          /* the weight of a feature without a row */
	uint32_t *starts;       /* of each bucket of hashes, by their upper bits */
	unsigned shift;
};

struct vector {
	struct vector_entry {
		uint32_t row;
		float value;
	} * at;
	size_t n;
};

/* From the features of all examples; everything lives in `mem`. */
struct lexicon lexicon_build(struct arena *mem, const struct features *examples, size_t n);

/* Fill in starts and shift.  false: the hashes are not ascending. */
bool lexicon_index(struct arena *mem, struct lexicon *l);

struct vector lexicon_vector(struct arena *mem, const struct lexicon *l, struct features f);

#endif
