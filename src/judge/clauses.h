#ifndef JUDGE_CLAUSES_H
#define JUDGE_CLAUSES_H

#include "base/arena.h"

#include <stddef.h>

/* A message in clauses, each of which may want something of its own.
 *
 * Cut at the ends of sentences, at commas and at "and", "but", "also", "then" and the like, which
 * is too often: what comes of "my jacket and boots" is left to the classifier, to whose background
 * class scraps belong.  The opening of a request carries over to what shares it: "Can you refund my
 * purchase and cancel my account" is "can you refund my purchase", "can you cancel my account".
 * Courtesies ("hi", "thanks a lot") are clauses only when nothing else is there. */

#define CLAUSES_MAX 12 /* of one message; the last holds the rest */

/* Texts in mem; at most CLAUSES_MAX.  0: the message has no words. */
size_t clauses_of(struct arena *mem, const char *text, size_t n, const char *out[CLAUSES_MAX]);

#endif
