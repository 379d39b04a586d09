#ifndef JUDGE_CLAUSES_H
#define JUDGE_CLAUSES_H

#include "base/arena.h"

#include <stddef.h>

/* A message in clauses, each of which may want something of its own.
 *
 * Cut at the ends of sentences, at commas and at "and", "but", "also", "then" and the like.  What
 * is one more thing of the clause before ("my jacket and boots") is left out; other scraps are left
 * to the classifier's background class.  The opening of a request carries over to what shares it:
 * "Can you refund my purchase and cancel my account" is "Can you refund my purchase", "Can you
 * cancel my account".  Courtesies ("hi", "thanks a lot") are clauses only when nothing else is
 * there.  Knows English alone. */

#define CLAUSES_MAX 96 /* of one message; the last holds the rest */

/* Texts in mem; at most CLAUSES_MAX.  0: the message has no words. */
size_t clauses_of(struct arena *mem, const char *text, size_t n, const char *out[CLAUSES_MAX]);

#endif
