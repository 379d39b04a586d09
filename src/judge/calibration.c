#include "judge/calibration.h"

#include <math.h>

/* Newton's method on two numbers: the surprise is convex in them. */

#define STEPS      40
#define START      5.0
#define LEAST      0.2
#define MOST       50.0
#define NEGLIGIBLE 1e-6
#define SHORTEST   1e-3 /* of a step that did not help at full length */
#define IMPOSSIBLE 1e-300

struct slope {
	double surprise;
	double s, b;       /* first derivatives, by sharpness and offset */
	double ss, sb, bb; /* second ones */
};

static void softmax(double *z, size_t n)
{
	double most = z[0], total = 0;

	for (size_t i = 1; i < n; i++)
		most = fmax(most, z[i]);
	for (size_t i = 0; i < n; i++)
		total += z[i] = exp(z[i] - most);
	for (size_t i = 0; i < n; i++)
		z[i] /= total;
}

/* How surprising is the right class of one example, and where does that fall? */
static void add_slope(struct slope *sum, struct calibration c, const double *m, int right,
    double weight, size_t classes, double *p)
{
	double mean = 0, squares = 0;

	for (size_t i = 0; i < classes; i++)
		p[i] = m[i];
	calibration_apply(c, p, classes);
	for (size_t i = 0; i < classes; i++) {
		mean += p[i] * m[i];
		squares += p[i] * m[i] * m[i];
	}
	sum->surprise -= weight * log(fmax(p[right], IMPOSSIBLE));
	sum->s += weight * (mean - m[right]);
	sum->b += weight * (p[0] - (right == 0));
	sum->ss += weight * (squares - mean * mean);
	sum->sb += weight * p[0] * (m[0] - mean);
	sum->bb += weight * p[0] * (1 - p[0]);
}

static double weight_of_background(const struct judged *j)
{
	size_t background = 0;

	for (size_t i = 0; i < j->n; i++)
		background += j->class_of[i] == 0;
	if (!background)
		return 1;
	return j->background_share / (1 - j->background_share) * (double)(j->n - background) /
	       (double)background;
}

static struct slope slope_at(struct calibration c, const struct judged *j, double *p)
{
	const double background = weight_of_background(j);
	struct slope sum = { .ss = 1e-9, .bb = 1e-9 }; /* never singular */

	for (size_t i = 0; i < j->n; i++)
		add_slope(&sum, c, j->margins + i * j->classes, j->class_of[i],
		    j->class_of[i] ? 1 : background, j->classes, p);
	return sum;
}

void calibration_apply(struct calibration c, double *margins, size_t classes)
{
	for (size_t i = 0; i < classes; i++)
		margins[i] = c.sharpness * margins[i] + (i ? 0 : c.offset);
	softmax(margins, classes);
}

static struct calibration moved(struct calibration c, struct slope at, double length)
{
	const double det = at.ss * at.bb - at.sb * at.sb;
	const double s = (at.bb * at.s - at.sb * at.b) / det;
	const double b = (at.ss * at.b - at.sb * at.s) / det;

	return (struct calibration){ fmin(fmax(c.sharpness - length * s, LEAST), MOST),
		c.offset - length * b };
}

struct calibration calibration_fit(struct arena *mem, const struct judged *j)
{
	double *p = arena_array(mem, double, j->classes);
	struct calibration c = { START, 0 };
	struct slope at = slope_at(c, j, p);

	for (int step = 0; step < STEPS; step++) {
		struct calibration next = moved(c, at, 1);
		struct slope there = slope_at(next, j, p);

		for (double length = 0.5; there.surprise > at.surprise && length > SHORTEST;
		     length /= 2) {
			next = moved(c, at, length);
			there = slope_at(next, j, p);
		}
		if (there.surprise > at.surprise - NEGLIGIBLE)
			break;
		c = next;
		at = there;
	}
	return c;
}
