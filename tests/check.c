#include "tests/check.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Failures are counted while a world runs (lanes check too, on their threads) and turned into
 * cmocka's when it has ended. */

static atomic_int failures;
static struct world *world;
static uint64_t seed;

static bool report(bool held, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static bool report(bool held, const char *file, int line, const char *fmt, ...)
{
	char text[2000];
	va_list ap;

	if (held)
		return true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s:%d: %s\n", file, line, text);
	if (!world)
		_fail(file, line);
	atomic_fetch_add(&failures, 1);
	return false;
}

bool check_true(bool held, const char *what, const char *file, int line)
{
	return report(held, file, line, "not true: %s", what);
}

bool check_int(intmax_t got, intmax_t want, const char *what, const char *file, int line)
{
	return report(
	    got == want, file, line, "%s is %" PRIdMAX ", should be %" PRIdMAX, what, got, want);
}

bool check_str(const char *got, const char *want, const char *what, const char *file, int line)
{
	bool same = got && want ? !strcmp(got, want) : got == want;

	return report(same, file, line, "%s is \"%s\", should be \"%s\"", what,
	    got ? got : "(null)", want ? want : "(null)");
}

bool check_has(const char *text, const char *words, const char *what, const char *file, int line)
{
	return report(text && strstr(text, words), file, line, "%s lacks \"%s\": \"%s\"", what,
	    words, text ? text : "(null)");
}

bool check_ok(int r, const struct err *e, const char *what, const char *file, int line)
{
	if (r == 0)
		return true; /* and e is not set */
	return report(false, file, line, "%s: %s: %s", what, err_name(e->code), e->msg);
}

bool check_err(
    int r, const struct err *e, enum err_code code, const char *what, const char *file, int line)
{
	if (r != -1)
		return report(
		    false, file, line, "%s is %d, should fail with %s", what, r, err_name(code));
	return report(e->code == code, file, line, "%s fails with %s (%s), should with %s", what,
	    err_name(e->code), e->msg, err_name(code));
}

static void run(struct world *w, fiber_fn *fn, void *arg, bool simulated)
{
	world = w;
	atomic_store(&failures, 0);
	world_run(w, fn, arg);
	world_free(w);
	world = NULL;
	if (atomic_load(&failures) == 0)
		return;
	if (simulated)
		fprintf(stderr, "the seed was %" PRIu64 "; FRONTDESK_SEED=%" PRIu64 " repeats it\n",
		    seed, seed);
	fail_msg("%d checks failed", atomic_load(&failures));
}

uint64_t check_seed(void)
{
	const char *s = getenv("FRONTDESK_SEED");

	if (world)
		return seed;
	return s && *s ? strtoull(s, NULL, 0) : 1;
}

void check_in_sim_seed(uint64_t with, fiber_fn *fn, void *arg)
{
	seed = with;
	run(world_sim(with), fn, arg, true);
}

void check_in_sim(fiber_fn *fn, void *arg)
{
	check_in_sim_seed(check_seed(), fn, arg);
}

void check_in_real(fiber_fn *fn, void *arg)
{
	struct err e;
	struct world *w = world_real(&e);

	if (!w)
		fail_msg("%s", e.msg);
	else
		run(w, fn, arg, false);
}

struct world *check_world(void)
{
	return world;
}

static _Noreturn void die(void (*fn)(void), int out)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGABRT, SIG_DFL); /* cmocka catches them */
	signal(SIGSEGV, SIG_DFL);
	dup2(out, STDERR_FILENO);
	fn();
	_exit(0);
}

void check_dies(void (*fn)(void), const char *words)
{
	char said[4096];
	size_t n = 0;
	ssize_t got;
	int ends[2], status;
	pid_t pid;

	if (pipe(ends) < 0 || (pid = fork()) < 0) {
		fail_msg("no process to die in: %s", strerror(errno));
		return;
	}
	if (pid == 0)
		die(fn, ends[1]);
	close(ends[1]);
	while ((got = read(ends[0], said + n, sizeof(said) - 1 - n)) > 0)
		n += (size_t)got;
	said[n] = '\0';
	close(ends[0]);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		fail_msg("it lived");
	if (words && !strstr(said, words))
		fail_msg("it died without saying \"%s\": %s", words, said);
}

static void call_body(void *arg)
{
	const struct check_body *b = arg;

	b->fn(world);
}

void check_sim_test(void **state)
{
	check_in_sim(call_body, *state);
}

void check_real_test(void **state)
{
	check_in_real(call_body, *state);
}
