#include "base/json.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers that jansson cannot hold, as strings.
 *
 * Only a text that was refused is looked at again.  What is put between quotes is a number as JSON
 * has it, and no key, so that a text that is no JSON does not become some. */

#define NUMBER_LONGEST 400 /* no double has as many digits in front of its point */

static size_t digits(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && isdigit((unsigned char)s[i]))
		i++;
	return i;
}

/* How long the number is that begins at s; 0: none does. */
static size_t number(const char *s, size_t n)
{
	size_t i = n && *s == '-', more = digits(s + i, n - i);

	if (!more || (more > 1 && s[i] == '0'))
		return 0;
	i += more;
	if (i < n && s[i] == '.') {
		more = digits(s + i + 1, n - i - 1);
		if (!more)
			return 0;
		i += 1 + more;
	}
	if (i < n && (s[i] == 'e' || s[i] == 'E')) {
		i += i + 1 < n && strchr("+-", s[i + 1]) ? 2 : 1;
		more = digits(s + i, n - i);
		if (!more)
			return 0;
		i += more;
	}
	return i;
}

static bool too_large(const char *s, size_t n)
{
	char text[NUMBER_LONGEST];

	if (n >= sizeof(text))
		return true;
	memcpy(text, s, n);
	text[n] = '\0';
	if (strpbrk(text, ".eE"))
		return isinf(strtod(text, NULL));
	errno = 0;
	(void)strtoll(text, NULL, 10);
	return errno == ERANGE;
}

static bool is_key(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && strchr(" \t\r\n", s[i]))
		i++;
	return i < n && s[i] == ':';
}

/* Behind the string that begins at s. */
static size_t string(const char *s, size_t n)
{
	size_t i = 1;

	while (i < n && s[i] != '"')
		i += s[i] == '\\' ? 2 : 1;
	return i < n ? i + 1 : n;
}

static void quote_large(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0, length; i < n; i += length) {
		bool large = false;

		if (s[i] == '"') {
			length = string(s + i, n - i);
		} else {
			length = number(s + i, n - i);
			large = length && too_large(s + i, length) &&
				!is_key(s + i + length, n - i - length);
		}
		if (!length)
			length = 1;
		if (large)
			buf_add(out, "\"", 1);
		buf_add(out, s + i, length);
		if (large)
			buf_add(out, "\"", 1);
	}
}

json_t *json_read_digits_in(struct arena *mem, const char *s, size_t n, struct err *e)
{
	struct buf quoted = { 0 };
	json_t *j = json_read_in(mem, s, n, e);

	if (j)
		return j;
	quote_large(&quoted, s, n);
	if (quoted.len != n)
		j = json_read_in(mem, quoted.data, quoted.len, e);
	buf_done(&quoted);
	return j;
}
