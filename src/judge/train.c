#include "judge/intents.h"

#include "judge/background.h"
#include "judge/calibration.h"
#include "judge/linear.h"
#include "judge/trained.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* From examples to a classifier: a lexicon of their features, a plane for each class against the
 * rest, and how sharply margins become probabilities.  The latter is found on examples that the
 * planes have not seen: each fold is judged by planes of the other folds.
 *
 * An intent's name is one more example of it ("refund request"), worth a point of accuracy where
 * examples are few.  It is never held out. */

#define FOLDS 5
#define MANY  3000 /* from here on one fold has enough to judge, and each costs seconds */

/* One message in ten means none of the intents: a guess, to be replaced by what a deployment
 * sees. */
#define BACKGROUND_SHARE 0.1

struct lesson {
	const char *text;
	int class;
	bool name; /* an intent's name, not what anybody said */
};

struct school {
	struct arena *mem; /* gone after training */
	struct intents *m;
	struct lesson *lessons;
	size_t n;
	int *class_of;
	struct vector *vectors;
	struct linear *linear;
	size_t *use; /* the lessons of one fit */
	double *plane;
};

static int class_named(struct intents *m, const char *name)
{
	for (uint32_t c = 1; c < m->classes; c++)
		if (strcmp(m->names[c], name) == 0)
			return (int)c;
	m->names[m->classes] = arena_strdup(m->mem, name);
	return (int)m->classes++;
}

static const char *spoken(struct arena *mem, const char *name)
{
	char *s = arena_strdup(mem, name);

	for (char *p = s; *p; p++)
		if (*p == '_' || *p == '-' || *p == '.')
			*p = ' ';
	return s;
}

static void add_lesson(struct school *s, const char *text, int class, bool name)
{
	s->lessons[s->n] = (struct lesson){ text, class, name };
	s->class_of[s->n++] = class;
}

static void gather(struct school *s, const struct intent_example *examples, size_t n)
{
	const size_t room = 2 * n + background_size;

	s->m->names = arena_array(s->m->mem, const char *, n + 1);
	s->m->classes = 1;
	s->lessons = arena_array(s->mem, struct lesson, room);
	s->class_of = arena_array(s->mem, int, room);
	s->use = arena_array(s->mem, size_t, room);
	for (size_t i = 0; i < n; i++)
		add_lesson(s, examples[i].text,
		    examples[i].intent ? class_named(s->m, examples[i].intent) : 0, false);
	for (size_t i = 0; i < background_size; i++)
		add_lesson(s, background[i], 0, false);
	for (uint32_t c = 1; c < s->m->classes; c++)
		add_lesson(s, spoken(s->mem, s->m->names[c]), (int)c, true);
}

static void read_lessons(struct school *s)
{
	struct features *features = arena_array(s->mem, struct features, s->n);

	for (size_t i = 0; i < s->n; i++)
		features[i] = features_of(s->mem, s->lessons[i].text, strlen(s->lessons[i].text));
	s->m->lexicon = lexicon_build(s->m->mem, features, s->n);
	s->vectors = arena_array(s->mem, struct vector, s->n);
	for (size_t i = 0; i < s->n; i++)
		s->vectors[i] = lexicon_vector(s->mem, &s->m->lexicon, features[i]);
	s->linear = linear_new(s->mem, s->vectors, s->n, s->m->lexicon.rows);
	s->plane = arena_array(s->mem, double, s->m->lexicon.rows + 1);
}

static double margin(const struct school *s, size_t i)
{
	const struct vector v = s->vectors[i];
	double sum = s->plane[s->m->lexicon.rows];

	for (size_t k = 0; k < v.n; k++)
		sum += s->plane[v.at[k].row] * (double)v.at[k].value;
	return sum;
}

/* The examples of one fold as planes of the others see them, appended to margins and class_of. */
static size_t judge_fold(struct school *s, size_t fold, double *margins, int *class_of)
{
	const size_t classes = s->m->classes;
	size_t *held = arena_array(s->mem, size_t, s->n), n = 0, use = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!s->lessons[i].name && i % FOLDS == fold)
			held[n++] = i;
		else
			s->use[use++] = i;
	}
	for (size_t i = 0; i < n; i++)
		class_of[i] = s->class_of[held[i]];
	for (size_t c = 0; c < classes; c++) {
		linear_fit(s->linear, s->use, use, s->class_of, (int)c, s->plane);
		for (size_t i = 0; i < n; i++)
			margins[i * classes + c] = margin(s, held[i]);
	}
	return n;
}

static void calibrate(struct school *s)
{
	const size_t folds = s->n < MANY ? FOLDS : 1, classes = s->m->classes;
	double *margins = arena_array(s->mem, double, s->n *classes);
	int *class_of = arena_array(s->mem, int, s->n);
	size_t n = 0;

	for (size_t fold = 0; fold < folds; fold++)
		n += judge_fold(s, fold, margins + n * classes, class_of + n);
	s->m->calibration = calibration_fit(
	    s->mem, &(struct judged){ margins, class_of, n, classes, BACKGROUND_SHARE });
}

/* Rows of doubles, a class after the other, become rows of small integers. */
static void keep(struct intents *m, const float *planes)
{
	float *scale = arena_array(m->mem, float, m->lexicon.rows);
	int8_t *weights = arena_array(m->mem, int8_t, (size_t)m->lexicon.rows * m->classes);

	for (size_t row = 0; row < m->lexicon.rows; row++) {
		const float *from = planes + row * m->classes;
		int8_t *to = weights + row * m->classes;
		float most = 0;

		for (uint32_t c = 0; c < m->classes; c++)
			most = fmaxf(most, fabsf(from[c]));
		scale[row] = most / 127;
		for (uint32_t c = 0; c < m->classes; c++)
			to[c] = most > 0 ? (int8_t)lrintf(from[c] / scale[row]) : 0;
	}
	m->scale = scale;
	m->weights = weights;
}

static void fit(struct school *s)
{
	struct intents *m = s->m;
	const uint32_t rows = m->lexicon.rows;
	float *planes = arena_array(s->mem, float, (size_t)rows * m->classes);
	float *bias = arena_array(m->mem, float, m->classes);

	for (size_t i = 0; i < s->n; i++)
		s->use[i] = i;
	for (uint32_t c = 0; c < m->classes; c++) {
		linear_fit(s->linear, s->use, s->n, s->class_of, (int)c, s->plane);
		for (uint32_t row = 0; row < rows; row++)
			planes[(size_t)row * m->classes + c] = (float)s->plane[row];
		bias[c] = (float)s->plane[rows];
	}
	m->bias = bias;
	keep(m, planes);
}

struct intents *intents_train(const struct intent_example *examples, size_t n, struct err *e)
{
	struct arena *mem = arena_new();
	struct school s = { .mem = arena_new() };

	s.m = arena_new_of(mem, struct intents);
	s.m->mem = mem;
	gather(&s, examples, n);
	if (s.m->classes < 2) {
		err_set(e, ERR_INVALID, "no intent has an example: there is nothing to train from");
		arena_free(s.mem);
		arena_free(mem);
		return NULL;
	}
	read_lessons(&s);
	fit(&s);
	calibrate(&s);
	arena_free(s.mem);
	return s.m;
}

void intents_free(struct intents *m)
{
	if (m)
		arena_free(m->mem);
}
