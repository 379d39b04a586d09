#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Length of the UTF-8 sequence at p, 0 when it is not one (table 3-7 of the Unicode standard). */
static size_t sequence(const unsigned char *p, size_t n)
{
	unsigned char lo = 0x80, hi = 0xBF;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xC2 && p[0] <= 0xDF)
		len = 2;
	else if (p[0] >= 0xE0 && p[0] <= 0xEF)
		len = 3;
	else if (p[0] >= 0xF0 && p[0] <= 0xF4)
		len = 4;
	else
		return 0;
	if (n < len)
		return 0;
	if (p[0] == 0xE0)
		lo = 0xA0;
	if (p[0] == 0xED)
		hi = 0x9F;
	if (p[0] == 0xF0)
		lo = 0x90;
	if (p[0] == 0xF4)
		hi = 0x8F;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

bool text_is_utf8(const void *p, size_t n)
{
	const unsigned char *s = p;

	while (n > 0) {
		size_t len = sequence(s, n);

		if (!len)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

size_t text_utf8_len(const char *s, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)s[i] & 0xC0) != 0x80;
	return count;
}

size_t text_utf8_cut(const char *s, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max > 0 && ((unsigned char)s[max] & 0xC0) == 0x80)
		max--;
	return max;
}

bool text_is(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

bool text_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool text_blank(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return !*s;
}

char *text_time(char out[TEXT_TIME_SIZE], int64_t ms)
{
	int64_t part = ms % 1000;
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	if (part < 0) {
		part += 1000;
		s--;
	}
	gmtime_r(&s, &tm);
	strftime(out, TEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + strlen(out), 8, ".%03dZ", (int)part);
	return out;
}

char *text_number(char out[TEXT_NUMBER_SIZE], double x)
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, TEXT_NUMBER_SIZE, "%.*g", digits, x);
		if (strtod(out, NULL) == x)
			break;
	}
	return out;
}

void text_hex(char *out, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

void text_id(char *out, const unsigned char *random, size_t n)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* no l, o, 0, 1 */

	for (size_t i = 0; i < n; i++)
		out[i] = letters[random[i] & 31];
	out[n] = '\0';
}

bool text_secret_is(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned char diff = na != nb;

	for (size_t i = 0; i < nb; i++)
		diff |= (unsigned char)(b[i] ^ (na ? a[i % na] : 1));
	return !diff;
}
