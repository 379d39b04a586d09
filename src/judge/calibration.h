#ifndef JUDGE_CALIBRATION_H
#define JUDGE_CALIBRATION_H

#include "base/arena.h"

#include <stddef.h>

/* From margins to probabilities: softmax(sharpness * margin), the background's raised by `offset`.
 *
 * The sharpness (a temperature upside down) says how far apart margins must be to be sure.  The
 * offset undoes that there are many background examples and few of each intent: left alone, every
 * message in new words would count as off-topic.  Both are those under which the right classes of
 * examples that the planes have not seen are least surprising. */

struct calibration {
	double sharpness, offset;
};

/* Examples and what planes trained without them made of them. */
struct judged {
	const double *margins; /* [example][class] */
	const int *class_of;   /* 0: background */
	size_t n, classes;
	double background_share; /* of all messages, as it is expected to be */
};

struct calibration calibration_fit(struct arena *mem, const struct judged *j);

/* Margins of one text in, probabilities out, in place. */
void calibration_apply(struct calibration c, double *margins, size_t classes);

#endif
