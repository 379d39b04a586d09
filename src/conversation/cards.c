#include "conversation/cards.h"

#include "base/buf.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS_MAX 19

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool luhn(const char *digits, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++) {
		int d = digits[n - 1 - i] - '0';

		if (i % 2)
			d = d * 2 > 9 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return sum % 10 == 0;
}

/* The run of digits at s, single spaces and hyphens between them allowed.  Returns its length in
 * bytes, its digits in out (at most DIGITS_MAX are kept, *n counts all). */
static size_t run_of_digits(const char *s, char out[DIGITS_MAX], int *n)
{
	size_t len = 0, end = 0;

	for (*n = 0; s[len];) {
		if (digit(s[len])) {
			if (*n < DIGITS_MAX)
				out[*n] = s[len];
			(*n)++;
			end = ++len;
		} else if ((s[len] == ' ' || s[len] == '-') && digit(s[len + 1])) {
			len++;
		} else {
			break;
		}
	}
	return end;
}

static bool is_card(const char *digits, int n)
{
	return n >= 13 && n <= DIGITS_MAX && digits[0] >= '2' && digits[0] <= '6' &&
	       luhn(digits, n);
}

/* Several numbers may stand in one run ("4111 1111 1111 1111 12/27" has them apart, "…1111 1234"
 * has not): any window of 13 to 19 digits that is a card makes the run one. */
static bool holds_card(const char *digits, int n)
{
	for (int from = 0; from + 13 <= n; from++)
		for (int len = 13; from + len <= n; len++)
			if (is_card(digits + from, len))
				return true;
	return false;
}

static bool exempted(
    const struct pattern *const *exempt, int n, const char *text, size_t at, size_t len)
{
	for (int i = 0; i < n; i++) {
		size_t from = 0, start, end, all = strlen(text);

		while (pattern_find(exempt[i], text, all, from, &start, &end) && start <= at) {
			if (end >= at + len)
				return true;
			from = end > from ? end : from + 1;
		}
	}
	return false;
}

/* Is s the name of a security code?  Its length, else 0. */
static size_t code_name(const char *text, size_t at)
{
	static const char *const names[] = { "cvv2", "cvv", "cvc2", "cvc", "csc", "security code",
		"card verification", "prüfnummer", "Prüfnummer" };

	if (at && isalnum((unsigned char)text[at - 1]))
		return 0;
	for (size_t i = 0; i < array_len(names); i++)
		if (!strncasecmp(text + at, names[i], strlen(names[i])))
			return strlen(names[i]);
	return 0;
}

/* Three or four digits within a few letters after the name. Returns their offset from s, 0: none.
 */
static size_t code_after(const char *s, int *n)
{
	for (size_t i = 0; s[i] && i < 16; i++) {
		if (!digit(s[i]))
			continue;
		for (*n = 0; digit(s[i + (size_t)*n]);)
			(*n)++;
		return *n == 3 || *n == 4 ? i : 0;
	}
	return 0;
}

const char *cards_mask(struct arena *mem, const char *text, const struct pattern *const *exempt,
    int nexempt, bool asked, bool *masked)
{
	struct buf out = { 0 };
	const char *result;

	*masked = false;
	for (size_t i = 0; text[i];) {
		char digits[DIGITS_MAX];
		int n;
		size_t name = code_name(text, i), at = name ? code_after(text + i + name, &n) : 0;
		size_t len = !digit(text[i]) || (i && digit(text[i - 1]))
				 ? 0
				 : run_of_digits(text + i, digits, &n);

		if (at) {
			buf_add(&out, text + i, name + at);
			buf_adds(&out, CARDS_MASK_CVV);
			i += name + at + (size_t)n;
			*masked = true;
		} else if (len && !exempted(exempt, nexempt, text, i, len) &&
			   (holds_card(digits, n < DIGITS_MAX ? n : DIGITS_MAX) ||
			       (asked && n >= 12))) {
			buf_adds(&out, CARDS_MASK);
			i += len;
			*masked = true;
		} else {
			buf_add(&out, text + i, len ? len : 1);
			i += len ? len : 1;
		}
	}
	result = arena_memdup(mem, out.data, out.len);
	buf_done(&out);
	return result;
}

bool cards_asked(const char *text)
{
	static const char *const words[] = { "card number", "credit card", "debit card",
		"full card", "Kartennummer", "Kreditkarte" };

	for (size_t i = 0; i < array_len(words); i++)
		if (strcasestr(text, words[i]) && strchr(text, '?'))
			return true;
	return false;
}
