#ifndef JUDGE_TRAINED_H
#define JUDGE_TRAINED_H

#include "base/arena.h"
#include "judge/calibration.h"
#include "judge/lexicon.h"

#include <stddef.h>
#include <stdint.h>

/* A trained classifier from the inside, for the files of this folder that make, use and keep it.
 *
 * Per class a plane: margin = bias + sum of weight * value over the rows of a vector; the
 * probabilities are the softmax of sharpness * margin.  A row's weights for all classes lie side by
 * side as small integers times the row's scale: a quarter of the bytes of floats, and the error is
 * lost in the noise (docs/decisions). */

struct intents {
	struct arena *mem;  /* holds everything, this struct too */
	uint32_t classes;   /* class 0 is the background */
	const char **names; /* names[0] is NULL */
	struct lexicon lexicon;
	const float *bias; /* by class */
	struct calibration calibration;
	const float *scale;    /* by row */
	const int8_t *weights; /* [row][class] */
};

#endif
