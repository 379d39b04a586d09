#include "conversation/cards.h"

#include "base/buf.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A message is read as runs: groups of digits with at most a little between them.  A card is the
 * whole of a run, however it is grouped, or some of its groups: "12345678 4111 1111 1111 1111
 * 12/27" holds a card and an order before it.  Groups are never cut, so that long numbers of other
 * kinds seldom look like a card by chance.  What follows a card in its run (a date, a security
 * code) goes with it. */

#define DIGITS_MIN    13
#define DIGITS_MAX    19
#define GROUP_MIN     3  /* digits in a group of a card that is a part of a run; the last has any */
#define ASKED_MIN     12 /* digits in a run when a card was asked for */
#define SEPARATOR_MAX 3  /* characters between two groups */
#define IBAN_MIN      15
#define IBAN_MAX      34
#define PHONE_MAX     15 /* E.164 */
#define CODE_GAP      24 /* bytes between the name of a security code and the code */

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool letter(char c)
{
	return isalpha((unsigned char)c);
}

/* A space or hyphen of any width.  Its length in bytes, else 0. */
static size_t separator(const char *s)
{
	static const char *const all[] = { " ", "-", "\t", "\xc2\xa0", /* no-break space */
		"\xe2\x80\x89", "\xe2\x80\xaf",                        /* thin spaces */
		"\xe2\x80\x90", "\xe2\x80\x91", "\xe2\x80\x92", "\xe2\x80\x93" }; /* hyphens */

	for (size_t i = 0; i < array_len(all); i++)
		if (!strncmp(s, all[i], strlen(all[i])))
			return strlen(all[i]);
	return 0;
}

/* From s to the next group of digits; 0: the run ends here. */
static size_t gap(const char *s)
{
	size_t len = 0;

	for (int n = 0; n < SEPARATOR_MAX && separator(s + len); n++)
		len += separator(s + len);
	return digit(s[len]) ? len : 0;
}

static size_t group(const char *s)
{
	size_t n = 0;

	while (digit(s[n]))
		n++;
	return n;
}

/* The end of the run that begins at s, and how many digits it has. */
static size_t run_end(const char *s, size_t *digits)
{
	size_t len = *digits = group(s), between;

	while ((between = gap(s + len)) > 0) {
		size_t n = group(s + len + between);

		len += between + n;
		*digits += n;
	}
	return len;
}

/* ISO/IEC 7812-1: doubled every second digit from the right. */
static bool is_card(const char *digits, size_t n)
{
	int sum = 0;

	if (n < DIGITS_MIN || n > DIGITS_MAX || digits[0] < '2' || digits[0] > '6')
		return false;
	for (size_t i = 0; i < n; i++) {
		int d = digits[n - 1 - i] - '0';

		if (i % 2)
			d = d * 2 > 9 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return sum % 10 == 0;
}

/* Where a pattern of what is no card was found last. */
struct found {
	size_t start, end, next; /* the next search begins there */
	bool none;               /* no further one */
};

struct filter {
	const char *text;
	size_t len;
	const struct pattern *const *exempt;
	struct found *found;
	int nexempt;
	bool asked;
	struct buf out;
	bool masked;
};

/* Does something that looks like an order id hold all of it?  Asked from left to right, so that
 * each pattern goes through the text once. */
static bool exempted(const struct filter *f, size_t at, size_t len)
{
	for (int i = 0; i < f->nexempt; i++) {
		struct found *m = &f->found[i];

		while (!m->none && m->end <= at) {
			m->none = m->next > f->len || !pattern_find(f->exempt[i], f->text, f->len,
							  m->next, &m->start, &m->end);
			m->next = m->end > m->next ? m->end : m->next + 1;
		}
		if (!m->none && m->start <= at && m->end >= at + len)
			return true;
	}
	return false;
}

/* Does a card begin with the group at `at`?  Only its last group may be short. */
static bool card_at(const struct filter *f, size_t at, size_t end)
{
	const char *s = f->text + at;
	char digits[DIGITS_MAX];
	size_t len = 0, n = 0, more;

	do {
		len += n ? gap(s + len) : 0;
		more = group(s + len);
		if (n + more > DIGITS_MAX)
			return false;
		memcpy(digits + n, s + len, more);
		n += more;
		len += more;
		if (is_card(digits, n) && !exempted(f, at, len))
			return true;
	} while (at + len < end && more >= GROUP_MIN);
	return false;
}

/* All digits of a run, and some group of it is short: as a whole, however it is grouped, a card? */
static bool odd_card(const char *s, size_t len)
{
	char digits[DIGITS_MAX];
	size_t n = 0, more;
	bool short_group = false;

	for (size_t i = 0; i < len; i += more + gap(s + i + more)) {
		more = group(s + i);
		short_group |= more < GROUP_MIN;
		if (n + more > DIGITS_MAX)
			return false;
		memcpy(digits + n, s + i, more);
		n += more;
	}
	return short_group && is_card(digits, n);
}

/* Where the first card of a run begins; `end`: there is none.  What is left before a card is a run
 * of its own then, and read as one. */
static size_t first_card(const struct filter *f, size_t at, size_t end)
{
	size_t last = at; /* the end of the group before */

	if (odd_card(f->text + at, end - at) && !exempted(f, at, end - at))
		return at;
	for (size_t i = at; i < end;) {
		size_t n = group(f->text + i);

		if (card_at(f, i, end))
			return odd_card(f->text + at, last - at) ? at : i;
		last = i + n;
		i += n + gap(f->text + i + n);
	}
	return end;
}

static void mask(struct filter *f, const char *with)
{
	buf_adds(&f->out, with);
	f->masked = true;
}

/* A run of digits: all of it is passed on or masked.  Returns its length. */
static size_t run(struct filter *f, size_t at)
{
	size_t digits, len = run_end(f->text + at, &digits), end = at + len, card = end;
	bool phone = at && f->text[at - 1] == '+' && digits <= PHONE_MAX;

	if (f->asked && digits >= ASKED_MIN && !phone && !exempted(f, at, len))
		card = at;
	else if (!phone)
		card = first_card(f, at, end);
	buf_add(&f->out, f->text + at, card - at);
	if (card < end)
		mask(f, CARDS_MASK);
	return len;
}

/* An account number (ISO 13616): two letters, two check digits, letters and digits in groups; the
 * number that they make leaves 1 when divided by 97.  Its length in bytes, else 0. */
static int iban_step(int rest, char c)
{
	return letter(c) ? (rest * 100 + (c | 32) - 'a' + 10) % 97 : (rest * 10 + c - '0') % 97;
}

static size_t iban(const char *s)
{
	char kept[IBAN_MAX];
	size_t n = 0;

	if (!letter(s[0]) || !letter(s[1]) || !digit(s[2]) || !digit(s[3]))
		return 0;
	for (size_t i = 0; n < IBAN_MAX && (letter(s[i]) || digit(s[i]));) {
		int rest = 0;

		kept[n++] = s[i++];
		if (!letter(s[i]) && !digit(s[i]) && n >= IBAN_MIN) {
			for (size_t k = 0; k < n; k++)
				rest = iban_step(rest, kept[(k + 4) % n]);
			if (rest == 1)
				return i;
		}
		i += s[i] == ' ';
	}
	return 0;
}

/* Security codes. */

static const char *const code_names[] = { "cvv2", "cvc2", "cvv", "cvc", "csc", "security code",
	"card verification",
	"pr\xc3\xbc"
	"fnummer",
	"pr\xc3\xbc"
	"fziffer",
	"kartenpr\xc3\xbc"
	"fnummer",
	"kartenpr\xc3\xbc"
	"fziffer",
	"sicherheitscode" };

/* Three or four digits soon after the name, in the same sentence and before any other number.
 * Returns their offset from s, *n how many; *n 0: none. */
static size_t code_after(const char *s, size_t *n)
{
	size_t i = 0;

	for (*n = 0; i < CODE_GAP && s[i] && !digit(s[i]); i++)
		if (strchr("?!\n;]", s[i]) || (s[i] == '.' && isspace((unsigned char)s[i + 1])))
			return 0;
	if (i < CODE_GAP && digit(s[i]))
		*n = group(s + i);
	if (*n != 3 && *n != 4)
		*n = 0;
	return i;
}

/* A named code at `at`: the name is passed on, the code masked.  Its length, else 0. */
static size_t code(struct filter *f, size_t at)
{
	const char *s = f->text + at;

	if (!strchr("cCsSpPkK", *s) || (at && letter(s[-1])))
		return 0; /* no name begins so: most text ends here */
	for (size_t i = 0; i < array_len(code_names); i++) {
		size_t len = strlen(code_names[i]), n = 0, to;

		if (strncasecmp(s, code_names[i], len) != 0 || letter(s[len]))
			continue;
		to = code_after(s + len, &n);
		if (!n)
			continue;
		buf_add(&f->out, s, len + to);
		mask(f, CARDS_MASK_CVV);
		return len + to + n;
	}
	return 0;
}

const char *cards_mask(struct arena *mem, const char *text, const struct pattern *const *exempt,
    int nexempt, bool asked, bool *masked)
{
	struct filter f = { .text = text,
		.len = strlen(text),
		.exempt = exempt,
		.found = arena_array(mem, struct found, nexempt),
		.nexempt = nexempt,
		.asked = asked };
	const char *result;

	for (size_t i = 0; i < f.len;) {
		bool starts = !i || !isalnum((unsigned char)text[i - 1]);
		size_t n = digit(text[i]) ? run(&f, i) : code(&f, i);

		if (!n) {
			n = starts ? iban(text + i) : 0;
			n += !n;
			buf_add(&f.out, text + i, n);
		}
		i += n;
	}
	*masked = f.masked;
	result = f.masked ? arena_memdup(mem, f.out.data, f.out.len) : arena_strdup(mem, text);
	buf_done(&f.out);
	return result;
}

static bool holds(const char *s, size_t n, const char *const *words)
{
	for (; *words; words++)
		for (size_t i = 0; i + strlen(*words) <= n; i++)
			if ((s[i] | 32) == (**words | 32) &&
			    !strncasecmp(s + i, *words, strlen(*words)))
				return true;
	return false;
}

/* Does one sentence name a card and ask? */
bool cards_asked(const char *text)
{
	static const char *const names[] = { "card number", "number of your card",
		"number on your card", "credit card", "debit card", "full card", "card details",
		"Kartennummer", "Kreditkarte", "Kartendaten", NULL },
				 *const asks[] = { "?", "please", "enter your", "provide",
					 "send me", "bitte", NULL };

	while (*text) {
		size_t n = strcspn(text, ".?!\n");

		n += text[n] != '\0';
		if (holds(text, n, names) && holds(text, n, asks))
			return true;
		text += n;
	}
	return false;
}
