#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include "base/err.h"
#include "fiber/world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Checks that work inside fibers.
 *
 * cmocka's asserts longjmp, which leaves a fiber's stack for good; so in a world only these
 * are used.  They write file, line and values to stderr, remember the failure, go on, and
 * return whether it held: `if (!CHECK(p)) return;`.  When the world has ended the cmocka test
 * fails.  Outside a world they fail the test at once.
 *
 * A test that needs a world is a function of it:
 *
 *     static void three_naps_take_as_long_as_one(struct world *w) { ... CHECK(...) ... }
 *     SIM_TEST(three_naps_take_as_long_as_one),     in the list of main()
 *
 * The seed of a simulation is 1, or FRONTDESK_SEED from the environment; a failure prints it. */

#define CHECK(cond)               check_true((cond), #cond, __FILE__, __LINE__)
#define CHECK_INT(got, want)      check_int((intmax_t)(got), (intmax_t)(want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want)      check_str((got), (want), #got, __FILE__, __LINE__)
/* The text holds these words somewhere. */
#define CHECK_HAS(text, words)    check_has((text), (words), #text, __FILE__, __LINE__)
/* A call that returns 0 or -1 and fills a struct err, by its address. */
#define CHECK_OK(call, e)         check_ok((call), (e), #call, __FILE__, __LINE__)
#define CHECK_ERR(call, e, code_) check_err((call), (e), (code_), #call, __FILE__, __LINE__)

bool check_true(bool held, const char *what, const char *file, int line);
bool check_int(intmax_t got, intmax_t want, const char *what, const char *file, int line);
bool check_str(const char *got, const char *want, const char *what, const char *file, int line);
bool check_has(const char *text, const char *words, const char *what, const char *file, int line);
bool check_ok(int r, const struct err *e, const char *what, const char *file, int line);
bool check_err(
    int r, const struct err *e, enum err_code code, const char *what, const char *file, int line);

/* Run fn(arg) on a fiber in a world of its own, to the end; fail the test when a check failed.
 * check_world() is that world. */
void check_in_sim(fiber_fn *fn, void *arg);
void check_in_sim_seed(uint64_t seed, fiber_fn *fn, void *arg);
void check_in_real(fiber_fn *fn, void *arg);
struct world *check_world(void);
uint64_t check_seed(void); /* of the simulation that runs, or the one to start from */

/* Run fn in a process of its own: does it die, by bug() or by a signal?  Its stderr then holds
 * these words (NULL: any).  Not in a world. */
void check_dies(void (*fn)(void), const char *words);

struct check_body {
	void (*fn)(struct world *w);
};

void check_sim_test(void **state);
void check_real_test(void **state);

#define SIM_TEST(name_)                                                                            \
	{                                                                                          \
		.name = #name_, .test_func = check_sim_test, .initial_state = &(struct check_body) \
		{                                                                                  \
			name_                                                                      \
		}                                                                                  \
	}
#define REAL_TEST(name_)                                                                           \
	{                                                                                          \
		.name = #name_, .test_func = check_real_test,                                      \
		.initial_state = &(struct check_body)                                              \
		{                                                                                  \
			name_                                                                      \
		}                                                                                  \
	}

#endif
