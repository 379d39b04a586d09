#include "base/mem.h"
#include "model/price.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DAY ((int64_t)86400000)

/* clang-format off */
static const struct price sonnet[] = {
	{ .from = 100 * DAY, .input = 3000000, .output = 15000000, .cache_read = 300000, .cache_write = 3750000 },
	{ .from = 200 * DAY, .input = 2000000, .output = 10000000, .cache_read = 100000, .cache_write = 2500000 },
};
static const struct price haiku[] = {
	{ .from = 0, .above = 100000, .input = 500000, .output = 2500000, .cache_read = 50000, .cache_write = 625000 },
	{ .from = 0, .input = 100000, .output = 500000, .cache_read = 10000, .cache_write = 125000 },
	{ .from = 0, .above = 500000, .input = 900000, .output = 900000, .cache_read = 900000, .cache_write = 900000 },
};
static const struct price dearest[] = { /* that a configuration may have */
	{ .input = 100000000000, .output = 100000000000, .cache_read = 100000000000, .cache_write = 100000000000 },
};
/* clang-format on */
static const struct price_list lists[] = {
	{ "claude-sonnet-5-5", sonnet, array_len(sonnet) },
	{ "claude-haiku-5-5", haiku, array_len(haiku) },
	{ "dearest", dearest, array_len(dearest) },
};

static int64_t cost(int list, int64_t now, struct model_usage u)
{
	return price_cost(&lists[list], now, &u);
}

static void a_model_is_found_by_its_name(void **state)
{
	(void)state;
	assert_ptr_equal(price_list_of(lists, 2, "claude-haiku-5-5"), &lists[1]);
	assert_null(price_list_of(lists, 2, "claude-haiku"));
	assert_null(price_list_of(NULL, 0, "claude-haiku-5-5"));
}

static void the_newest_date_that_has_come_holds(void **state)
{
	(void)state;
	assert_int_equal(price_at(&lists[0], 100 * DAY, 1)->input, 3000000);
	assert_int_equal(price_at(&lists[0], 200 * DAY - 1, 1)->input, 3000000);
	assert_int_equal(price_at(&lists[0], 200 * DAY, 1)->input, 2000000);
	assert_int_equal(price_at(&lists[0], 900 * DAY, 1)->input, 2000000);
	/* Before the first date: the nearest that is known. */
	assert_int_equal(price_at(&lists[0], 0, 1)->input, 3000000);
}

static void a_long_prompt_has_its_own_price(void **state)
{
	(void)state;
	assert_int_equal(price_at(&lists[1], DAY, 0)->input, 100000);
	assert_int_equal(price_at(&lists[1], DAY, 100000)->input, 100000);
	assert_int_equal(price_at(&lists[1], DAY, 100001)->input, 500000);
	assert_int_equal(price_at(&lists[1], DAY, 500000)->input, 500000);
	assert_int_equal(price_at(&lists[1], DAY, 500001)->input, 900000);
}

static void every_kind_of_token_has_its_price(void **state)
{
	(void)state;
	/* 1,000 of the prompt: 600 from the cache, 300 into it, 100 neither. */
	assert_int_equal(cost(0, 200 * DAY,
			     (struct model_usage){ .input_tokens = 1000,
				 .cache_read_tokens = 600,
				 .cache_write_tokens = 300,
				 .output_tokens = 50 }),
	    100 * 2 + 60 + 750 + 500);
	/* All of a long prompt costs more, not what is above alone. */
	assert_int_equal(cost(1, DAY, (struct model_usage){ .input_tokens = 100000 }), 10000);
	assert_int_equal(cost(1, DAY, (struct model_usage){ .input_tokens = 100010 }), 50005);
}

static void a_step_is_rounded_half_up(void **state)
{
	(void)state;
	/* 0.1 a token */
	assert_int_equal(cost(1, DAY, (struct model_usage){ .input_tokens = 4 }), 0);
	assert_int_equal(cost(1, DAY, (struct model_usage){ .input_tokens = 5 }), 1);
	assert_int_equal(cost(1, DAY, (struct model_usage){ .input_tokens = 14 }), 1);
	assert_int_equal(cost(1, DAY, (struct model_usage){ .input_tokens = 15 }), 2);
}

static void what_a_provider_counts_wrongly_stays_in_bounds(void **state)
{
	(void)state;
	/* Parts without a whole: they are paid for all the same. */
	assert_int_equal(
	    cost(0, 200 * DAY, (struct model_usage){ .cache_read_tokens = 1000 }), 100);
	assert_int_equal(
	    cost(0, 200 * DAY, (struct model_usage){ .input_tokens = -5, .output_tokens = -5 }), 0);
	assert_true(cost(0, 200 * DAY,
			(struct model_usage){ .input_tokens = INT64_MAX,
			    .cache_read_tokens = INT64_MAX,
			    .cache_write_tokens = INT64_MAX,
			    .output_tokens = INT64_MAX }) > 0);
	assert_true(cost(2, 0,
			(struct model_usage){ .input_tokens = INT64_MAX,
			    .cache_read_tokens = INT64_MAX,
			    .cache_write_tokens = INT64_MAX,
			    .output_tokens = INT64_MAX }) > 0);
	assert_true(price_most(&lists[2], 0, INT64_MAX, INT64_MAX) > 0);
}

static void the_estimate_is_never_less_than_the_cost(void **state)
{
	uint64_t chance = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct model_usage u;
		int list = i % 2;
		int64_t now = i % 400 * DAY, read, write;

		chance = chance * 6364136223846793005u + 1442695040888963407u;
		u.input_tokens = (int64_t)(chance >> 44);
		read = (int64_t)((chance >> 20) % (uint64_t)(u.input_tokens + 1));
		write = (int64_t)((chance >> 10) % (uint64_t)(u.input_tokens - read + 1));
		u.cache_read_tokens = read;
		u.cache_write_tokens = write;
		u.output_tokens = (int64_t)(chance >> 52);
		assert_true(price_cost(&lists[list], now, &u) <=
			    price_most(&lists[list], now, u.input_tokens, u.output_tokens));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_is_found_by_its_name),
		cmocka_unit_test(the_newest_date_that_has_come_holds),
		cmocka_unit_test(a_long_prompt_has_its_own_price),
		cmocka_unit_test(every_kind_of_token_has_its_price),
		cmocka_unit_test(a_step_is_rounded_half_up),
		cmocka_unit_test(what_a_provider_counts_wrongly_stays_in_bounds),
		cmocka_unit_test(the_estimate_is_never_less_than_the_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
