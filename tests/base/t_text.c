#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define CASES "../shared/data/hostile/own/utf8_cases.json"

static void utf8_is_what_rfc_3629_says(void **state)
{
	static const struct {
		const char *bytes;
		bool valid;
	} rows[] = {
		{ "", true },
		{ "caf\xc3\xa9", true },
		{ "\xf0\x9f\x99\x82", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\xf4\x90\x80\x80", false }, /* above U+10FFFF */
		{ "\xed\x9f\xbf", true },
		{ "\xed\xa0\x80", false }, /* a surrogate */
		{ "\xc0\xaf", false },     /* overlong */
		{ "\xe0\x9f\xbf", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "ab\xc3", false }, /* cut off */
		{ "\x80", false },
		{ "\xc3\x28", false },
		{ "\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		assert_int_equal(text_is_utf8(rows[i].bytes, strlen(rows[i].bytes)), rows[i].valid);
	assert_true(text_is_utf8("a\0b", 3));
}

static size_t unhex(const char *hex, unsigned char *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (unsigned char)byte;
	}
	return n;
}

static void check_cases(const json_t *cases, bool valid)
{
	unsigned char bytes[200];
	json_t *hex;
	size_t i;

	assert_true(json_array_size(cases) > 5);
	json_array_foreach (cases, i, hex) {
		size_t n = unhex(json_string_value(hex), bytes);

		if (text_is_utf8(bytes, n) != valid)
			fail_msg("%s is %s", json_string_value(hex), valid ? "valid" : "not");
	}
}

static void utf8_agrees_with_the_collected_cases(void **state)
{
	json_t *all = json_load_file(CASES, 0, NULL);

	(void)state;
	if (!all) {
		printf("skipped: UTF-8 cases: " CASES " is absent\n");
		skip();
	}
	check_cases(json_object_get(all, "malformed"), false);
	check_cases(json_object_get(all, "valid"), true);
	json_decref(all);
}

static void a_cut_is_never_within_a_character(void **state)
{
	static const char text[] = "a\xc3\xa9\xf0\x9f\x99\x82z"; /* 1 + 2 + 4 + 1 bytes */
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 3, 7, 8, 8 };

	(void)state;
	for (size_t max = 0; max < array_len(want); max++)
		assert_int_equal(text_utf8_cut(text, 8, max), want[max]);
	assert_int_equal(text_utf8_len(text, 8), 4);
}

static void small_questions_have_plain_answers(void **state)
{
	(void)state;
	assert_true(text_is("a", "a"));
	assert_false(text_is("a", "b"));
	assert_false(text_is("a", NULL));
	assert_true(text_is(NULL, NULL));
	assert_true(text_starts("sqlite:shop.db", "sqlite:"));
	assert_false(text_starts("sql", "sqlite:"));
	assert_true(text_blank(" \t\r\n"));
	assert_false(text_blank(" x "));
}

static void time_is_written_in_utc_with_milliseconds(void **state)
{
	char out[TEXT_TIME_SIZE];

	(void)state;
	assert_string_equal(text_time(out, 0), "1970-01-01T00:00:00.000Z");
	assert_string_equal(text_time(out, 1795532645123), "2026-11-24T15:04:05.123Z");
	assert_string_equal(text_time(out, -1), "1969-12-31T23:59:59.999Z");
	assert_string_equal(text_time(out, 951782399999), "2000-02-28T23:59:59.999Z");
}

static void ids_and_digits_come_from_their_bytes(void **state)
{
	static const unsigned char bytes[] = { 0, 1, 31, 32, 255 };
	char out[11];

	(void)state;
	text_hex(out, bytes, sizeof(bytes));
	assert_string_equal(out, "00011f20ff");
	text_id(out, bytes, sizeof(bytes));
	assert_string_equal(out, "ab9a9");
}

static void a_secret_is_right_only_as_a_whole(void **state)
{
	(void)state;
	assert_true(text_secret_is("key-123", "key-123"));
	assert_false(text_secret_is("key-124", "key-123"));
	assert_false(text_secret_is("key-12", "key-123"));
	assert_false(text_secret_is("key-1234", "key-123"));
	assert_false(text_secret_is("", "key-123"));
	assert_false(text_secret_is("key-123", ""));
	assert_false(text_secret_is("aa", "a"));
	assert_true(text_secret_is("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_what_rfc_3629_says),
		cmocka_unit_test(utf8_agrees_with_the_collected_cases),
		cmocka_unit_test(a_cut_is_never_within_a_character),
		cmocka_unit_test(small_questions_have_plain_answers),
		cmocka_unit_test(time_is_written_in_utc_with_milliseconds),
		cmocka_unit_test(ids_and_digits_come_from_their_bytes),
		cmocka_unit_test(a_secret_is_right_only_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
