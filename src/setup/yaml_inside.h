#ifndef SETUP_YAML_INSIDE_H
#define SETUP_YAML_INSIDE_H

#include "setup/yaml.h"

/* What yaml.c notes while reading and yaml_place.c answers questions from. */

struct mark {
	const char *pointer;
	int line, column;             /* where to point: the key, else the first character */
	int value_line, value_column; /* where the value starts */
	bool unset;                   /* a text with a variable that is missing */
	struct place cut;             /* of the # behind a plain text; line 0: none */
	char style;                   /* of a scalar: ' or " around it, | above it, 0 plain */
};

struct yaml {
	struct arena *mem;
	const char *name, *text;
	size_t len;
	json_t *root;
	struct mark *marks; /* sorted by pointer; of two that are equal the first in the file */
	size_t nmarks, room;
};

void yaml_marks_sort(struct yaml *y);
/* A column of a line, at most its end. */
const char *yaml_column(const char *line, int column);

#endif
