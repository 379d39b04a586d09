#include "setup/yaml_scalar.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(s, *words))
			return true;
	return false;
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

static bool is_decimal(const char *s)
{
	s += *s == '-' || *s == '+';
	return digits(s) && !s[digits(s)];
}

/* "0o17" or "0x1F"; the base, or 0. */
static int other_base(const char *s)
{
	if (s[0] != '0' || !s[1] || !s[2])
		return 0;
	if (s[1] == 'o' && !s[2 + strspn(s + 2, "01234567")])
		return 8;
	if (s[1] == 'x' && !s[2 + strspn(s + 2, "0123456789abcdefABCDEF")])
		return 16;
	return 0;
}

static bool is_float(const char *s)
{
	size_t before, after = 0;

	s += *s == '-' || *s == '+';
	before = digits(s);
	s += before;
	if (*s == '.') {
		after = digits(s + 1);
		s += 1 + after;
	}
	if (!before && !after)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!digits(s))
			return false;
		s += digits(s);
	}
	return !*s;
}

static json_t *integer(const char *s, int base, const char **why)
{
	long long v;

	errno = 0;
	v = strtoll(s, NULL, base);
	if (!errno)
		return json_integer(v);
	*why = "is a whole number beyond 64 bits; put it in quotes to keep it as text";
	return NULL;
}

static json_t *real(const char *s, const char **why)
{
	double v = strtod(s, NULL);

	if (isfinite(v))
		return json_real(v);
	*why = "is too large a number; put it in quotes to keep it as text";
	return NULL;
}

json_t *yaml_plain(const char *s, size_t n, const char **why)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };
	static const char *const endless[] = { ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF",
		"-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN", NULL };

	if (one_of(s, nulls))
		return json_null();
	if (one_of(s, trues))
		return json_true();
	if (one_of(s, falses))
		return json_false();
	if (is_decimal(s))
		return integer(s, 10, why);
	if (other_base(s))
		return integer(s + 2, other_base(s), why);
	if (is_float(s))
		return real(s, why);
	if (!one_of(s, endless))
		return json_stringn(s, n);
	*why = "is no number that JSON knows; put it in quotes to keep it as text";
	return NULL;
}
