#include "tests/check.h"

static void nap(void *arg)
{
	struct err e;

	CHECK_OK(fiber_sleep(*(int *)arg, &e), &e);
}

static void three_naps(struct world *w)
{
	struct scope s;
	int ms = 1000;
	int64_t start = fiber_now();

	(void)w;
	scope_open(&s, FOREVER);
	for (int i = 0; i < 3; i++)
		scope_go(&s, nap, &ms);
	scope_join(&s);
	CHECK_INT(fiber_now() - start, 1000);
}

static void set(void *arg)
{
	*(int *)arg = 7;
}

static void a_lane(struct world *w)
{
	struct lane *l = lane_new(w, "test", 1);
	int got = 0;
	bool ran;
	struct err e;

	CHECK_OK(lane_run(l, set, &got, NULL, FOREVER, &ran, &e), &e);
	CHECK_INT(got, 7);
	CHECK(ran);
	lane_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(three_naps),
		SIM_TEST(a_lane),
		REAL_TEST(a_lane),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
