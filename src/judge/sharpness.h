#ifndef JUDGE_SHARPNESS_H
#define JUDGE_SHARPNESS_H

#include <stddef.h>

/* From margins to probabilities: softmax(sharpness * margin).
 *
 * The one number (a temperature upside down) is the one under which the right classes of examples
 * that training did not see are most likely.  margins: [example][class]. */

double sharpness_fit(const double *margins, const int *class_of, size_t n, size_t classes);

/* In place. */
void sharpness_apply(double sharpness, double *margins, size_t classes);

#endif
