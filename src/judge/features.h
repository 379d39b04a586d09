#ifndef JUDGE_FEATURES_H
#define JUDGE_FEATURES_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

/* What a classifier sees of a text: which words, stems and runs of letters are in it, and how
 * often.
 *
 * Words carry the meaning, stems join "refunded" to "refund", and runs of two to five letters
 * inside a word survive typing mistakes.  Case, digits and the shape of quotes do not count.  A
 * feature is known by a hash of 32 bits; its text is not kept.  Bytes that are no UTF-8 are letters
 * like others. */

enum feature_group {
	FEATURE_WORDS,
	FEATURE_STEMS,
	FEATURE_LETTERS,
	FEATURE_GROUPS
};

struct feature {
	uint32_t hash; /* of the group, too */
	uint16_t group;
	uint16_t count; /* 1 and more */
};

struct features {
	const struct feature *at; /* each hash once */
	size_t n;
};

/* Costs memory in proportion to n, about 60 times as much: bound what strangers send. */
struct features features_of(struct arena *mem, const char *text, size_t n);

#endif
