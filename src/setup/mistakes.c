#include "setup/mistakes.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct mistakes mistakes_none(struct arena *mem)
{
	return (struct mistakes){ .mem = mem };
}

void mistakes_add(struct mistakes *m, struct place at, const char *path, const char *fmt, ...)
{
	struct mistake *one;
	va_list ap;

	if (m->n == m->room) {
		struct mistake *more = arena_array(m->mem, struct mistake, m->room * 2 + 8);

		if (m->n)
			memcpy(more, m->list, sizeof(*more) * (size_t)m->n);
		m->list = more;
		m->room = m->room * 2 + 8;
	}
	one = &m->list[m->n++];
	one->at = at;
	one->path = arena_strdup(m->mem, path);
	va_start(ap, fmt);
	one->message = arena_vprintf(m->mem, fmt, ap);
	va_end(ap);
}

static int by_place(const void *a, const void *b)
{
	const struct mistake *x = a, *y = b;
	int order = strcmp(x->at.file, y->at.file);

	if (!order)
		order = (x->at.line > y->at.line) - (x->at.line < y->at.line);
	if (!order)
		order = (x->at.column > y->at.column) - (x->at.column < y->at.column);
	if (!order)
		order = strcmp(x->path, y->path);
	return order ? order : strcmp(x->message, y->message);
}

void mistakes_sort(struct mistakes *m)
{
	int kept = 0;

	if (m->n)
		qsort(m->list, (size_t)m->n, sizeof(*m->list), by_place);
	for (int i = 0; i < m->n; i++)
		if (!kept || by_place(&m->list[kept - 1], &m->list[i]) != 0)
			m->list[kept++] = m->list[i];
	m->n = kept;
}

const char *mistake_line(struct arena *mem, const struct mistake *one)
{
	const char *place =
	    one->at.line ? arena_printf(mem, "%s:%d:%d", one->at.file, one->at.line, one->at.column)
			 : one->at.file;

	return arena_printf(
	    mem, "%s: %s%s%s", place, one->path, *one->path ? ": " : "", one->message);
}
