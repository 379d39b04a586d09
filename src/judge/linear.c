#include "judge/linear.h"

#include "base/err.h"
#include "base/mem.h"

#include <linear.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define BIAS    1.0
#define PENALTY 3.0

#define MANY       1500 /* from here on the dual solver is the faster one by far */
#define EPS_PRIMAL 0.03
#define EPS_DUAL   0.1

struct linear {
	struct feature_node **x; /* each ends with the bias and an index of -1 */
	int rows;
};

static pthread_once_t quiet = PTHREAD_ONCE_INIT;

static void say_nothing(const char *text)
{
	(void)text;
}

/* The printer is one variable of the whole library: set it once, before the first training. */
static void be_quiet(void)
{
	set_print_string_function(say_nothing);
}

static struct feature_node *nodes_of(struct arena *mem, struct vector v, int rows)
{
	struct feature_node *nodes = arena_array(mem, struct feature_node, v.n + 2);

	for (size_t i = 0; i < v.n; i++)
		nodes[i] = (struct feature_node){ (int)v.at[i].row + 1, (double)v.at[i].value };
	nodes[v.n] = (struct feature_node){ rows + 1, BIAS };
	nodes[v.n + 1] = (struct feature_node){ -1, 0 };
	return nodes;
}

struct linear *linear_new(struct arena *mem, const struct vector *x, size_t n, size_t rows)
{
	struct linear *l = arena_new_of(mem, struct linear);

	pthread_once(&quiet, be_quiet);
	l->rows = (int)rows;
	l->x = arena_array(mem, struct feature_node *, n);
	for (size_t i = 0; i < n; i++)
		l->x[i] = nodes_of(mem, x[i], l->rows);
	return l;
}

void linear_fit(const struct linear *l, const size_t *use, size_t n, const int *class_of, int which,
    double *out)
{
	const bool many = n >= MANY;
	struct parameter how = { .solver_type = many ? L2R_L2LOSS_SVC_DUAL : L2R_L2LOSS_SVC,
		.C = PENALTY,
		.eps = many ? EPS_DUAL : EPS_PRIMAL };
	struct problem p = { .l = (int)n, .n = l->rows + 1, .bias = BIAS };
	struct model *fitted;
	double sign;

	p.x = mem_alloc(n * sizeof(*p.x));
	p.y = mem_alloc(n * sizeof(*p.y));
	for (size_t i = 0; i < n; i++) {
		p.x[i] = l->x[use[i]];
		p.y[i] = class_of[use[i]] == which ? 1 : -1;
	}
	if (check_parameter(&p, &how))
		bug("LIBLINEAR refuses its parameters: %s", check_parameter(&p, &how));
	fitted = train(&p, &how);
	sign = fitted->label[0] > 0 ? 1 : -1;
	for (int i = 0; i <= l->rows; i++)
		out[i] = sign * fitted->w[i];
	free_and_destroy_model(&fitted);
	free(p.x);
	free(p.y);
}
