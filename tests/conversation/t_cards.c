#include "check.h"

#include "base/mem.h"
#include "base/text.h"
#include "conversation/cards.h"

#include <string.h>
#include <time.h>

/* Texts with and without cards.  The numbers are the networks' own test numbers, or made up so that
 * the check digit is right or wrong. */

#define CARD CARDS_MASK
#define CODE CARDS_MASK_CVV
#define SAME NULL /* nothing is masked */

struct sample {
	const char *text, *want;
	bool asked;
};

static void check_samples(
    const struct sample *s, size_t n, const struct pattern *const *exempt, int nexempt)
{
	for (size_t i = 0; i < n; i++) {
		struct arena *mem = arena_new();
		bool masked = false, again = false;
		const char *got = cards_mask(mem, s[i].text, exempt, nexempt, s[i].asked, &masked);

		if (strcmp(got, s[i].want ? s[i].want : s[i].text) != 0)
			fail_msg("\"%s\" became \"%s\"", s[i].text, got);
		assert_int_equal(masked, s[i].want != NULL);
		assert_true(text_is_utf8(got, strlen(got)));
		/* What was filtered stays as it is. */
		assert_string_equal(cards_mask(mem, got, exempt, nexempt, false, &again), got);
		assert_false(again);
		arena_free(mem);
	}
}

static void cards_are_masked_however_they_are_written(void **state)
{
	static const struct sample samples[] = {
		{ "4111111111111111", CARD, false },
		{ "my card is 4111 1111 1111 1111 thanks", "my card is " CARD " thanks", false },
		{ "4111-1111-1111-1111", CARD, false },
		{ "4111 - 1111 - 1111 - 1111", CARD, false },
		{ "4111  1111  1111  1111", CARD, false },
		{ "(4111111111111111).", "(" CARD ").", false },
		{ "card:4111111111111111,exp 12/27", "card:" CARD ",exp 12/27", false },
		{ "5555 5555 5555 4444", CARD, false },
		{ "2223003122003222", CARD, false },    /* Mastercard's 2 series */
		{ "3782 822463 10005", CARD, false },   /* 15 digits, 4-6-5 */
		{ "3056 930902 5904", CARD, false },    /* 14 digits */
		{ "4222222222222", CARD, false },       /* 13 digits */
		{ "6304000000000000000", CARD, false }, /* 19 digits */
		{ "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", CARD, false },
		{ "41 11 11 11 11 11 11 11", CARD, false },
		{ "x4111111111111111y", "x" CARD "y", false },
		{ "\xc3\xbc"
		  "4111111111111111\xe2\x82\xac",
		    "\xc3\xbc" CARD "\xe2\x82\xac", false },
		{ "4111\xc2\xa0"
		  "1111\xc2\xa0"
		  "1111\xc2\xa0"
		  "1111",
		    CARD, false }, /* no-break spaces, as pages have them */
		{ "4111\xe2\x80\x91"
		  "1111\xe2\x80\x91"
		  "1111\xe2\x80\x91"
		  "1111",
		    CARD, false },
	};

	(void)state;
	check_samples(samples, array_len(samples), NULL, 0);
}

static void what_stands_around_a_card_is_told_from_it(void **state)
{
	static const struct sample samples[] = {
		{ "4111 1111 1111 1111 12/27", CARD "/27", false }, /* the run goes with it */
		{ "4111 1111 1111 1111 123", CARD, false },
		{ "order 12345678 4111 1111 1111 1111", "order 12345678 " CARD, false },
		{ "1234 5678 9012 3456 7890 4111111111111111", "1234 5678 9012 3456 7890 " CARD,
		    false },
		{ "4111111111111111 5555555555554444", CARD, false },
		{ "4111111111111111, 5555555555554444", CARD ", " CARD, false },
		{ "4111111111111111\n5555555555554444", CARD "\n" CARD, false },
		{ "first 4111111111111112 then 4111111111111111",
		    "first 4111111111111112 then " CARD, false },
	};

	(void)state;
	check_samples(samples, array_len(samples), NULL, 0);
}

static void other_numbers_are_left_alone(void **state)
{
	static const struct sample samples[] = {
		{ "", SAME, false }, { "no number", SAME, false },
		{ "4111111111111112", SAME, false },       /* the check digit is wrong */
		{ "1111111111111117", SAME, false },       /* begins with 1 */
		{ "9400111899223197428490", SAME, false }, /* a parcel */
		{ "0034 0434 1234 5678 9012", SAME, false },
		{ "411111111111", SAME, false },         /* 12 digits */
		{ "41111111111111111111", SAME, false }, /* 20 digits */
		{ "4111.1111.1111.1111", SAME, false }, { "4111 1111 1111\n1111", SAME, false },
		{ "order FW-10234, 3 pieces at 12.50", SAME, false },
		{ "2026-11-24 15:04:05", SAME, false },
		{ "DE89 3704 0044 0532 0130 00", SAME, false },
		{ "DE89370400440532013000", SAME, false },
		{ "My IBAN is GB29 NWBK 6016 1331 9268 19, thanks", SAME, false },
		{ "fr1420041010050500013m02606", SAME, false },
		{ "call +49 30 901820 or +4930901820", SAME, false },
		{ "+4222222222222", SAME, false }, /* passes the check, and is a telephone */
		{ "(0171) 2345678", SAME, false },
		{ "\xef\xbc\x94\xef\xbc\x91", SAME, false }, /* digits of another width */
	};

	(void)state;
	check_samples(samples, array_len(samples), NULL, 0);
}

static void security_codes_are_masked_behind_their_name(void **state)
{
	static const struct sample samples[] = {
		{ "cvv 123", "cvv " CODE, false },
		{ "CVV: 1234", "CVV: " CODE, false },
		{ "cvv123", "cvv" CODE, false },
		{ "cvv2 is 123", "cvv2 is " CODE, false },
		{ "cvv212", "cvv" CODE, false },
		{ "the CVC number is 999.", "the CVC number is " CODE ".", false },
		{ "security code (on the back): 321", "security code (on the back): " CODE, false },
		{ "Pr\xc3\xbc"
		  "fnummer 123",
		    "Pr\xc3\xbc"
		    "fnummer " CODE,
		    false },
		{ "Kartenpr\xc3\xbc"
		  "fnummer: 123",
		    "Kartenpr\xc3\xbc"
		    "fnummer: " CODE,
		    false },
		{ "Sicherheitscode lautet 123", "Sicherheitscode lautet " CODE, false },
		{ "4111111111111111 cvv 123", CARD " cvv " CODE, false },
		{ "cvv 123 and 4567", "cvv " CODE " and 4567", false },
		{ "cvv 12", SAME, false },
		{ "cvv 123456", SAME, false },
		{ "What is a CVV? My order is 1234", SAME, false },
		{ "I have no cvv. Order 1234", SAME, false },
		{ "the cvv is on the back, I am told by you 1234", SAME, false },
		{ "discvv 123", SAME, false },
		{ "cvvs 123", SAME, false },
		{ "cvv", SAME, false },
		{ "123", SAME, false },
	};

	(void)state;
	check_samples(samples, array_len(samples), NULL, 0);
}

static void when_a_card_was_asked_for_every_long_number_is_one(void **state)
{
	static const struct sample samples[] = {
		{ "1234 5678 9012 3456", CARD, true },
		{ "411111111111", CARD, true },
		{ "41111111111", SAME, true },
		{ "12345", SAME, true },
		{ "+49 171 123456789", SAME, true },
	};

	(void)state;
	check_samples(samples, array_len(samples), NULL, 0);
}

static void what_looks_like_an_order_is_no_card(void **state)
{
	static const struct sample samples[] = {
		{ "order 4000000000000002 please", SAME, false },
		{ "4000000000000002 12", SAME, false },
		{ "4000000000000002, 4111111111111111", "4000000000000002, " CARD, false },
		{ "4000000000000002 4111111111111111", "4000000000000002 " CARD, false },
		{ "4000000000000002", SAME, true },
		{ "400000000000000 2", CARD, false }, /* no order looks like this */
	};
	struct err e;
	struct pattern *orders = pattern_new("\\b40{14}[0-9]\\b", &e),
		       *never = pattern_new("FW-[0-9]{5}", &e);
	const struct pattern *const exempt[] = { never, orders };

	(void)state;
	check_samples(samples, array_len(samples), exempt, 2);
	pattern_free(orders);
	pattern_free(never);
}

static void a_pattern_that_matches_nothing_much_ends(void **state)
{
	struct err e;
	struct pattern *empty = pattern_new("x*", &e);
	const struct pattern *const exempt[] = { empty };
	static const struct sample samples[] = {
		{ "\xc3\xbc 4111111111111111 \xc3\xbc 4111111111111111",
		    "\xc3\xbc " CARD " \xc3\xbc " CARD, false },
	};

	(void)state;
	check_samples(samples, array_len(samples), exempt, 1);
	pattern_free(empty);
}

/* Whoever writes the longest message there may be, in the worst way, gets no second of ours. */
static double seconds_for(const char *piece, const struct pattern *const *exempt, int n)
{
	struct arena *mem = arena_new();
	size_t len = strlen(piece);
	char *text = arena_alloc(mem, 20001);
	clock_t start;
	bool masked;

	for (size_t i = 0; i + len <= 20000; i += len)
		memcpy(text + i, piece, len);
	start = clock();
	cards_mask(mem, text, exempt, n, false, &masked);
	arena_free(mem);
	return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void the_longest_message_takes_no_time(void **state)
{
	struct err e;
	struct pattern *orders = pattern_new("[0-9]{16}", &e), *slow = pattern_new("(a+)+$", &e);
	const struct pattern *const exempt[] = { orders, slow };
	static const char *const pieces[] = { "4", "9", "4 ", "1 ", "411 ", "4000000000000002,",
		"cvv ", "AA11", "aa11 ", "A", "4000000000000002a" };

	(void)state;
	for (size_t i = 0; i < array_len(pieces); i++) {
		double s = seconds_for(pieces[i], exempt, 2);

		if (s > 0.25) /* some milliseconds, but for sanitizers */
			fail_msg("%s repeated takes %.3f s", pieces[i], s);
	}
	pattern_free(orders);
	pattern_free(slow);
}

static void a_question_for_a_card_is_known(void **state)
{
	static const char *const asks[] = { "What is your card number?",
		"Please send me your card number.", "Could you give me your credit card details?",
		"Nennen Sie bitte Ihre Kartennummer.",
		"Thanks. Please enter your card number.\nBye" },
				 *const asks_not[] = { "", "Where is your order?",
					 "The refund goes to your credit card. Please wait.",
					 "Your card number is safe." };

	(void)state;
	for (size_t i = 0; i < array_len(asks); i++)
		assert_true(cards_asked(asks[i]));
	for (size_t i = 0; i < array_len(asks_not); i++)
		assert_false(cards_asked(asks_not[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cards_are_masked_however_they_are_written),
		cmocka_unit_test(what_stands_around_a_card_is_told_from_it),
		cmocka_unit_test(other_numbers_are_left_alone),
		cmocka_unit_test(security_codes_are_masked_behind_their_name),
		cmocka_unit_test(when_a_card_was_asked_for_every_long_number_is_one),
		cmocka_unit_test(what_looks_like_an_order_is_no_card),
		cmocka_unit_test(a_pattern_that_matches_nothing_much_ends),
		cmocka_unit_test(the_longest_message_takes_no_time),
		cmocka_unit_test(a_question_for_a_card_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
