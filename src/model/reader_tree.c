#include "model/reader_inside.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Trees for what is small and goes on as a value: arguments, errors, opaque members.
 *
 * jansson holds integers below 2^63 and fractions as doubles, and refuses the rest.  An order
 * number of twenty digits is a name more than a number: it becomes a string of the same digits. */

static bool too_large(const char *s, size_t n)
{
	char text[400];
	bool fraction = memchr(s, '.', n) || memchr(s, 'e', n) || memchr(s, 'E', n);

	if (n >= sizeof(text))
		return true;
	memcpy(text, s, n);
	text[n] = '\0';
	errno = 0;
	if (fraction)
		return isinf(strtod(text, NULL));
	(void)strtoll(text, NULL, 10);
	return errno == ERANGE;
}

static void quote_large(struct buf *out, struct span v)
{
	struct span key, member;
	size_t at = 0, from = 0;
	bool large;

	while (span_next(v, &at, &key, &member)) {
		buf_add(out, v.s + from, (size_t)(member.s - v.s) - from);
		large = span_kind(member) == '0' && too_large(member.s, member.n);
		if (large)
			buf_add(out, "\"", 1);
		quote_large(out, member);
		if (large)
			buf_add(out, "\"", 1);
		from = at;
	}
	buf_add(out, v.s + from, v.n - from);
}

json_t *reader_tree(struct arena *mem, const char *s, size_t n)
{
	struct err e;
	struct span v;
	struct buf quoted = { 0 };
	json_t *tree = json_read_in(mem, s, n, &e);

	if (tree || span_check(s, n, &v) != SPAN_WHOLE)
		return tree;
	quote_large(&quoted, v);
	tree = json_read_in(mem, quoted.data, quoted.len, &e);
	buf_done(&quoted);
	return tree;
}

const json_t *reader_arguments(struct arena *mem, const char *s, size_t n)
{
	json_t *tree;

	if (strspn(s, " \t\r\n") == n)
		return json_in(mem, json_object());
	tree = reader_tree(mem, s, n);
	if (json_is_null(tree))
		return json_in(mem, json_object());
	return json_is_object(tree) ? tree : NULL;
}
