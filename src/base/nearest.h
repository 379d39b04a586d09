#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* Which of the names that exist did somebody mean to write?
 *
 * Start with the name that does not exist, try each one that does, and read `best`: the
 * closest, or NULL when none is close enough to be a slip of the hand.  Letters are compared as
 * bytes, without regard to case; a swap of two neighbours counts as one slip. */

struct nearest {
	const char *wanted;
	const char *best;
	int distance; /* of the best; before there is one, the first that is too far */
};

struct nearest nearest_to(const char *wanted);
void nearest_try(struct nearest *n, const char *candidate);

/* "; did you mean \"NAME\"?" or "", as the tail of a message; out is also returned. */
const char *nearest_hint(const struct nearest *n, char *out, size_t size);

#endif
