#include "base/text.h"
#include "net/http.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Strangers' addresses: the first line of the input is a name, the rest a query.
 *
 * http_decode() is compared with a second decoder that works the other way round: it encodes what
 * came out, byte by byte, and walks the input beside it. */

static int digit(char c)
{
	char one[2] = { c, '\0' };

	return isxdigit((unsigned char)c) ? (int)strtol(one, NULL, 16) : -1;
}

/* Is `out` what `in` says? */
static bool says(const char *in, size_t n, const char *out, bool plus)
{
	size_t i = 0;

	for (; *out; out++) {
		unsigned char c = (unsigned char)*out;

		if (i < n && in[i] == '%') {
			if (n - i < 3 || digit(in[i + 1]) != c >> 4 || digit(in[i + 2]) != (c & 15))
				return false;
			i += 3;
		} else if (i < n && (in[i] == *out || (plus && in[i] == '+' && c == ' '))) {
			i++;
		} else {
			return false;
		}
	}
	return i == n;
}

/* May it be refused?  Only for a broken %XX, a NUL, or what is no UTF-8 afterwards. */
static bool refusable(const char *in, size_t n)
{
	char *out = malloc(n + 1);
	size_t len = 0;
	bool bad = false;

	for (size_t i = 0; i < n; i++) {
		if (in[i] == '%' && (n - i < 3 || digit(in[i + 1]) < 0 || digit(in[i + 2]) < 0)) {
			bad = true;
			break;
		}
		out[len++] =
		    in[i] == '%' ? (char)(digit(in[i + 1]) << 4 | digit(in[i + 2])) : in[i];
		if (in[i] == '%')
			i += 2;
	}
	bad = bad || memchr(out, 0, len) || !text_is_utf8(out, len);
	free(out);
	return bad;
}

static void decode(struct arena *mem, const char *in, size_t n, bool plus)
{
	char *out = http_decode(mem, in, n, plus);

	if (out ? !says(in, n, out, plus) : !refusable(in, n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct arena *mem = arena_new();
	char *text = arena_memdup(mem, bytes, n);
	char *line = memchr(text, '\n', n);
	struct http_exchange x = { .mem = mem, .query = line ? line + 1 : text };
	const char *value;

	decode(mem, text, n, false);
	decode(mem, text, n, true);
	if (line)
		*line = '\0';
	value = http_query(&x, line ? text : "a");
	if (value && !text_is_utf8(value, strlen(value)))
		abort();
	arena_free(mem);
	return 0;
}
