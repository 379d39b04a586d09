#ifndef JUDGE_LINEAR_H
#define JUDGE_LINEAR_H

#include "base/arena.h"
#include "judge/lexicon.h"

#include <stddef.h>

/* LIBLINEAR behind two functions.  Its own header claims names such as `model`, `train` and
 * `predict`, so linear.c alone includes it, and nothing of it is kept after training.
 *
 * One class against all others is one call, so that no matrix of all classes in doubles is ever in
 * memory.  Up to 1,500 examples the solver is the primal one: it draws no random numbers,
 * so equal examples give equal weights.  For more it is the dual one, three times as fast, which
 * calls rand(): weights may differ in their last digits from one training to the next, and
 * predictions with them by about a thousandth. */

struct linear; /* the examples in LIBLINEAR's shape, in an arena */

struct linear *linear_new(struct arena *mem, const struct vector *x, size_t n, size_t rows);

/* Which side of the plane is class `which`?  Of the examples listed in `use`.  out: rows + 1
 * weights, the last one added to every sum. */
void linear_fit(const struct linear *l, const size_t *use, size_t n, const int *class_of, int which,
    double *out);

#endif
