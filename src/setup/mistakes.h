#ifndef SETUP_MISTAKES_H
#define SETUP_MISTAKES_H

#include "base/arena.h"

#include <stdbool.h>

/* What is wrong with a configuration: all of it at once, each with its place.
 *
 * Whoever finds something adds it and goes on, so that one run shows everything.  A line reads
 *
 *     agent.yaml:12:5: tools.lookup_order.effect: expected one of "read", "write"
 *
 * and says what, which one and, where we can tell, what was meant.  Everything lives in the
 * arena. */

struct place {
	const char *file; /* as it should be shown */
	int line, column; /* from 1, columns in characters; line 0: the file as a whole */
};

struct mistake {
	struct place at;
	const char *path; /* "tools.lookup_order.effect", "" for the whole */
	const char *message;
};

struct mistakes {
	struct arena *mem;
	struct mistake *list;
	int n, room;
};

struct mistakes mistakes_none(struct arena *mem);
void mistakes_add(struct mistakes *m, struct place at, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* By file, line and column, nothing twice. */
void mistakes_sort(struct mistakes *m);
/* One of them as a line without its end. */
const char *mistake_line(struct arena *mem, const struct mistake *one);

#endif
