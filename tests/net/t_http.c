#include "net/http.h"

#include "base/mem.h"
#include "tests/check.h"
#include "tests/net/fake_exchange.h"

#include <string.h>

struct decoding {
	const char *in;
	size_t n;
	bool plus;
	const char *out; /* NULL: refused */
};

#define IN(text) text, sizeof(text) - 1

static void answer_text(
    struct http_exchange *x, int status, const char *type, const char *body, size_t n)
{
	http_answer(x, status, &(struct http_header){ "Content-Type", type }, 1, body, n);
}

static void what_is_encoded_is_decoded(void **state)
{
	static const struct decoding list[] = {
		{ IN(""), true, "" },
		{ IN("abc"), true, "abc" },
		{ IN("a+b"), true, "a b" },
		{ IN("a+b"), false, "a+b" },
		{ IN("a%2Bb%2bc"), true, "a+b+c" },
		{ IN("%25%20"), false, "% " },
		{ IN("%C3%A9%e2%82%ac"), false, "é€" },
		{ IN("é€"), false, "é€" },
		{ IN("%"), false, NULL },
		{ IN("a%4"), false, NULL },
		{ IN("%4g"), false, NULL },
		{ IN("%g4"), false, NULL },
		{ IN("%%41"), false, NULL },
		{ IN("%00"), false, NULL },
		{ IN("a%00b"), false, NULL },
		{ IN("a\0b"), false, NULL },
		{ IN("%ff"), false, NULL },
		{ IN("%C3"), false, NULL },
		{ IN("\xc3"), false, NULL },
		{ IN("%C0%80"), false, NULL },
		{ IN("%ED%A0%80"), false, NULL },
	};
	struct arena *mem = arena_new();

	(void)state;
	for (size_t i = 0; i < array_len(list); i++)
		CHECK_STR(http_decode(mem, list[i].in, list[i].n, list[i].plus), list[i].out);
	/* n, not the NUL, is the end */
	CHECK_STR(http_decode(mem, "ab%41", 2, false), "ab");
	CHECK_STR(http_decode(mem, "ab%41", 3, false), NULL);
	CHECK_STR(http_decode(mem, "ab%41", 4, false), NULL);
	arena_free(mem);
}

static void parameters_are_found_by_their_decoded_names(void **state)
{
	struct http_exchange x = {
		.mem = arena_new(),
		.query = "a=1&b=&c&%64=two+words%21&a=9&=x&bad=%zz&e=1=2&&nul=%00&%ff=q&last=z",
	};

	(void)state;
	CHECK_STR(http_query(&x, "a"), "1");
	CHECK_STR(http_query(&x, "b"), "");
	CHECK_STR(http_query(&x, "c"), "");
	CHECK_STR(http_query(&x, "d"), "two words!");
	CHECK_STR(http_query(&x, "e"), "1=2");
	CHECK_STR(http_query(&x, "last"), "z");
	CHECK_STR(http_query(&x, "bad"), NULL);
	CHECK_STR(http_query(&x, "nul"), NULL);
	CHECK_STR(http_query(&x, "no"), NULL);
	CHECK_STR(http_query(&x, "la"), NULL);
	x.query = "";
	CHECK_STR(http_query(&x, "a"), NULL);
	arena_free(x.mem);
}

static void headers_are_found_in_any_case(void **state)
{
	const struct http_header headers[] = { { "Accept", "1" }, { "ACCEPT", "2" }, { "X", "" } };
	struct http_exchange x = { .headers = headers, .nheaders = array_len(headers) };

	(void)state;
	CHECK_STR(http_header(&x, "accept"), "1");
	CHECK_STR(http_header(&x, "x"), "");
	CHECK_STR(http_header(&x, "Accep"), NULL);
}

static void echo(void *self, struct http_exchange *x)
{
	const char *key = http_header(x, "authorization");
	char *text = arena_printf(x->mem, "%s %s %s %s %d", x->method, x->path,
	    http_query(x, "n") ? http_query(x, "n") : "-", key ? key : "-", x->loopback);

	(void)self;
	answer_text(x, 201, "text/plain", arena_printf(x->mem, "%s %s", text, x->body),
	    strlen(text) + 1 + x->body_len);
}

static void count(void *self, struct http_exchange *x)
{
	struct err *why = self;

	http_stream(x);
	for (int i = 1; i <= 5; i++) {
		char *line = arena_printf(x->mem, "data: %d\n\n", i);

		if (http_push(x, line, strlen(line), why) < 0 || fiber_sleep(1000, why) < 0)
			return;
	}
}

static void a_fake_exchange_is_answered(struct world *w)
{
	struct arena *mem = arena_new();
	struct fake_exchange *f = fake_exchange_new(mem, "PUT", "/a/b?m=1&n=2", "{}");

	(void)w;
	fake_exchange_header(f, "Authorization", "Bearer k");
	f->loopback = false;
	fake_exchange_run(f, echo, NULL);
	CHECK_INT(f->status, 201);
	CHECK(f->ended);
	CHECK_STR(fake_exchange_body(f), "PUT /a/b 2 Bearer k 0 {}");
	CHECK_STR(fake_exchange_said(f, "content-type"), "text/plain");
	CHECK_STR(fake_exchange_said(f, "location"), NULL);
	arena_free(mem);
}

static void a_fake_exchange_streams_in_time(struct world *w)
{
	struct arena *mem = arena_new();
	struct fake_exchange *f = fake_exchange_new(mem, "GET", "/", NULL);
	int64_t start = fiber_now();
	struct scope s;
	struct err why = { 0 }, e;

	(void)w;
	scope_open(&s, FOREVER);
	fake_exchange_start(f, &s, count, &why);
	CHECK_OK(fake_exchange_wait_answer(f, FOREVER, &e), &e);
	CHECK_INT(f->status, 200);
	CHECK_STR(fake_exchange_said(f, "Cache-Control"), "no-store");
	CHECK_OK(fake_exchange_wait_words(f, "data: 3", FOREVER, &e), &e);
	CHECK_INT(fiber_now() - start, 2000);
	CHECK_ERR(fake_exchange_wait_words(f, "data: 5", start + 3500, &e), &e, ERR_TIMEOUT);
	CHECK_OK(fake_exchange_wait_bytes(f, 45, FOREVER, &e), &e);
	CHECK_INT(fiber_now() - start, 4000);
	CHECK_ERR(fake_exchange_wait_words(f, "data: 6", FOREVER, &e), &e, ERR_NOT_FOUND);
	CHECK_OK(fake_exchange_wait_end(f, FOREVER, &e), &e);
	CHECK_INT(fiber_now() - start, 5000);
	scope_join(&s);
	arena_free(mem);
}

static void hanging_up_on_a_fake_exchange_cancels_it(struct world *w)
{
	struct arena *mem = arena_new();
	struct fake_exchange *f = fake_exchange_new(mem, "GET", "/", NULL);
	struct fake_exchange *slow = fake_exchange_new(mem, "GET", "/", NULL);
	int64_t start = fiber_now();
	struct scope s;
	struct err why = { 0 }, cut = { 0 }, e;

	(void)w;
	slow->push_limit = 20;
	scope_open(&s, FOREVER);
	fake_exchange_start(f, &s, count, &why);
	fake_exchange_start(slow, &s, count, &cut);
	CHECK_OK(fake_exchange_wait_words(f, "data: 2", FOREVER, &e), &e);
	fake_exchange_hang_up(f);
	CHECK_OK(fake_exchange_wait_end(f, FOREVER, &e), &e);
	CHECK_INT(fiber_now() - start, 1000);
	CHECK_INT(why.code, ERR_CANCELED);
	CHECK_OK(fake_exchange_wait_end(slow, FOREVER, &e), &e);
	CHECK_INT(cut.code, ERR_LIMIT);
	scope_join(&s);
	arena_free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded),
		cmocka_unit_test(parameters_are_found_by_their_decoded_names),
		cmocka_unit_test(headers_are_found_in_any_case),
		SIM_TEST(a_fake_exchange_is_answered),
		SIM_TEST(a_fake_exchange_streams_in_time),
		SIM_TEST(hanging_up_on_a_fake_exchange_cancels_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
