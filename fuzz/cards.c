#include "conversation/cards.h"

#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The first byte is a switch: bit 0, a card was asked for.  What comes out of valid UTF-8 is valid
 * UTF-8, holds no number that is a card by an independent check, and stays as it is when it is
 * filtered again. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static int luhn_sum(const char *digits, size_t n)
{
	static const int doubled[] = { 0, 2, 4, 6, 8, 1, 3, 5, 7, 9 };
	int sum = 0;

	for (size_t i = n; i-- > 0;)
		sum += (n - i) % 2 ? digits[i] - '0' : doubled[digits[i] - '0'];
	return sum;
}

static int is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits that may belong to an account number or a telephone are left alone on purpose. */
static int excused(const char *text, size_t at)
{
	size_t from = at > 70 ? at - 70 : 0;

	if (at && text[at - 1] == '+')
		return 1;
	for (size_t i = from; i + 2 <= at; i++)
		if (is_letter(text[i]) && is_letter(text[i + 1]) && text[i + 2] >= '0' &&
		    text[i + 2] <= '9')
			return 1;
	return 0;
}

static void check_no_card(const char *text)
{
	for (size_t i = 0; text[i];) {
		size_t n = strspn(text + i, "0123456789");

		check(!(n >= 13 && n <= 19 && text[i] >= '2' && text[i] <= '6' &&
			luhn_sum(text + i, n) % 10 == 0 && !excused(text, i)));
		i += n ? n : 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *mem = arena_new();
	char *text = arena_strndup(mem, size ? (const char *)data + 1 : "", size ? size - 1 : 0);
	bool masked, again;
	const char *out = cards_mask(mem, text, NULL, 0, size && (data[0] & 1), &masked);

	check(masked || !strcmp(out, text));
	check(!text_is_utf8(text, strlen(text)) || text_is_utf8(out, strlen(out)));
	check_no_card(out);
	check(!strcmp(cards_mask(mem, out, NULL, 0, false, &again), out) && !again);
	cards_asked(text);
	arena_free(mem);
	return 0;
}
