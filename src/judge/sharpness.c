#include "judge/sharpness.h"

#include <math.h>

#define LEAST 0.2
#define MOST  50.0
#define STEPS 30

static double highest(const double *v, size_t n)
{
	double most = v[0];

	for (size_t i = 1; i < n; i++)
		most = fmax(most, v[i]);
	return most;
}

/* How surprising are the right classes, summed over the examples? */
static double surprise(
    double sharpness, const double *margins, const int *class_of, size_t n, size_t classes)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		const double *m = margins + i * classes;
		const double most = highest(m, classes);
		double total = 0;

		for (size_t c = 0; c < classes; c++)
			total += exp(sharpness * (m[c] - most));
		sum += log(total) - sharpness * (m[class_of[i]] - most);
	}
	return sum;
}

/* The surprise has one minimum: golden section on the logarithm. */
double sharpness_fit(const double *margins, const int *class_of, size_t n, size_t classes)
{
	const double golden = (sqrt(5) - 1) / 2;
	double low = log(LEAST), high = log(MOST);

	for (int step = 0; step < STEPS; step++) {
		const double a = high - golden * (high - low), b = low + golden * (high - low);

		if (surprise(exp(a), margins, class_of, n, classes) <
		    surprise(exp(b), margins, class_of, n, classes))
			high = b;
		else
			low = a;
	}
	return exp((low + high) / 2);
}

void sharpness_apply(double sharpness, double *margins, size_t classes)
{
	const double most = highest(margins, classes);
	double total = 0;

	for (size_t c = 0; c < classes; c++)
		total += margins[c] = exp(sharpness * (margins[c] - most));
	for (size_t c = 0; c < classes; c++)
		margins[c] /= total;
}
