#include "base/buf.h"
#include "base/mem.h"
#include "net/http_client.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The simulated client: the asker's side of every client, and the answering functions of tests. */

/* What the function answers, in order; counts what it saw. */
struct script {
	int64_t connect_ms, head_ms, piece_ms;
	int status;
	const char *piece;
	size_t npiece;
	int pieces;
	bool mute, cut_early, cut_late, endless;
	int asked, ended,
	    failed; /* calls of it; that returned; of which a call of it returned -1 */
	struct buf heard;
};

static void hear(struct script *s, const struct http_request *r)
{
	buf_clear(&s->heard);
	buf_printf(&s->heard, "%s %s\n", r->method, r->url);
	for (int i = 0; i < r->nfields; i++)
		buf_printf(&s->heard, "%s: %s\n", r->fields[i].name, r->fields[i].value);
	for (int i = 0; i < r->npieces; i++)
		buf_add(&s->heard, r->body[i].bytes, r->body[i].n);
}

static int say(struct script *s, struct http_sim *x)
{
	const struct http_field fields[] = { { "Content-Type", "text/plain" }, { "X-Empty", "" } };
	struct err e;

	if (s->connect_ms && http_sim_connect(x, s->connect_ms) < 0)
		return -1;
	if (s->head_ms && fiber_sleep(s->head_ms, &e) < 0)
		return -1;
	if (http_sim_head(x, s->status ? s->status : 200, fields, 2) < 0)
		return -1;
	for (int i = 0; i < s->pieces || s->endless; i++) {
		if (s->piece_ms && fiber_sleep(s->piece_ms, &e) < 0)
			return -1;
		if (http_sim_body(x, s->piece, s->npiece ? s->npiece : strlen(s->piece)) < 0)
			return -1;
	}
	return 0;
}

static void play(void *self, struct http_sim *x, const struct http_request *r)
{
	struct script *s = self;

	s->asked++;
	hear(s, r);
	if (s->cut_early)
		http_sim_cut(x);
	if (!s->mute && say(s, x) < 0)
		s->failed++;
	if (s->cut_late)
		http_sim_cut(x);
	s->ended++;
}

static struct http_client *client(struct world *w, struct script *s)
{
	struct err e;
	struct http_client *c = http_client_new(w, 0, &e);

	if (s)
		http_client_answers(c, play, s);
	return c;
}

static const struct http_request plain = { .method = "GET",
	.url = "http://shop.example/x?secret=1" };

/* All of the body, and how it ended. */
static int take_all(struct http_open *x, struct buf *b, struct err *e)
{
	const char *bytes;
	int n;

	while ((n = http_read(x, &bytes, e)) > 0)
		buf_add(b, bytes, (size_t)n);
	return n;
}

static void an_exchange_carries_everything_both_ways(struct world *w)
{
	struct script s = { .piece = "hello ", .pieces = 3, .status = 201 };
	struct http_client *c = client(w, &s);
	const struct http_field fields[] = { { "X-Key", "k" }, { "Accept", "a/b" } };
	const struct http_piece body[] = { { "one", 3 }, { NULL, 0 }, { " two", 4 } };
	const struct http_request r = { .method = "PATCH",
		.url = "https://shop.example/a?b",
		.fields = fields,
		.nfields = 2,
		.body = body,
		.npieces = 3 };
	enum http_sent sent = HTTP_NOT_SENT;
	struct buf b = { 0 };
	struct err e;
	struct http_open *x = http_open(c, &r, &sent, &e);

	if (!CHECK(x))
		return;
	CHECK_INT(http_status(x), 201);
	CHECK_INT(sent, HTTP_SENT);
	CHECK_STR(http_field(x, "content-TYPE"), "text/plain");
	CHECK_STR(http_field(x, "x-empty"), "");
	CHECK(!http_field(x, "text/plain"));
	CHECK_INT(take_all(x, &b, &e), 0);
	CHECK_STR(buf_str(&b), "hello hello hello ");
	CHECK_STR(
	    buf_str(&s.heard), "PATCH https://shop.example/a?b\nX-Key: k\nAccept: a/b\none two");
	CHECK_INT(s.ended, 1);
	http_close(x);
	http_client_free(c);
	buf_done(&b);
	buf_done(&s.heard);
}

/* One request that is to fail before its head. */
static void fails(struct http_client *c, const struct http_request *r, enum err_code code,
    const char *words, enum http_sent wanted)
{
	enum http_sent sent = HTTP_SENT;
	struct err e = { 0 };
	struct http_open *x = http_open(c, r, &sent, &e);

	CHECK(!x);
	http_close(x);
	CHECK_STR(err_name(e.code), err_name(code));
	CHECK_HAS(e.msg, words);
	CHECK(!strstr(e.msg, "secret"));
	CHECK_INT(sent, wanted);
}

static void without_an_answer_the_connection_is_refused(struct world *w)
{
	struct script s = { .mute = true };
	struct http_client *c = client(w, NULL);

	fails(c, &plain, ERR_IO, "shop.example: connection refused", HTTP_NOT_SENT);
	http_client_answers(c, play, &s);
	fails(c, &plain, ERR_IO, "shop.example: connection refused", HTTP_NOT_SENT);
	s.cut_early = true;
	fails(c, &plain, ERR_IO, "shop.example: the connection was cut off", HTTP_SENT);
	http_client_free(c);
	buf_done(&s.heard);
}

static void times_of_the_request_end_its_waits(struct world *w)
{
	struct script s = {
		.connect_ms = 200, .head_ms = 400, .piece_ms = 300, .piece = "x", .pieces = 2
	};
	struct http_client *c = client(w, &s);
	struct http_request r = plain;
	struct buf b = { 0 };
	int64_t t = fiber_now();
	enum http_sent sent;
	struct http_open *x;
	struct err e;

	r.connect_ms = 150;
	fails(c, &r, ERR_TIMEOUT, "no connection came about within 150 ms", HTTP_NOT_SENT);
	CHECK_INT(fiber_now() - t, 150);
	r.connect_ms = 201;
	r.first_byte_ms = 100;
	t = fiber_now();
	fails(c, &r, ERR_TIMEOUT, "no answer came within 100 ms", HTTP_SENT);
	CHECK_INT(fiber_now() - t, 300);
	r.first_byte_ms = 500;
	r.silence_ms = 250;
	t = fiber_now();
	x = http_open(c, &r, &sent, &e);
	CHECK(x);
	CHECK_INT(fiber_now() - t, 600);
	CHECK_INT(take_all(x, &b, &e), -1);
	CHECK_INT(e.code, ERR_TIMEOUT);
	CHECK_HAS(e.msg, "shop.example: its answer stopped: nothing came for 250 ms");
	CHECK_INT(fiber_now() - t, 850);
	http_close(x);
	r.silence_ms = 301;
	x = http_open(c, &r, &sent, &e);
	CHECK(x);
	CHECK_INT(take_all(x, &b, &e), 0);
	CHECK_STR(buf_str(&b), "xx");
	http_close(x);
	http_client_free(c);
	buf_done(&b);
	buf_done(&s.heard);
}

static void the_usual_times_are_those_of_the_header(struct world *w)
{
	struct script s = { .head_ms = 30001 };
	struct http_client *c = client(w, &s);

	fails(c, &plain, ERR_TIMEOUT, "no answer came within 30000 ms", HTTP_SENT);
	s = (struct script){ .connect_ms = 5001, .heard = s.heard };
	fails(c, &plain, ERR_TIMEOUT, "no connection came about within 5000 ms", HTTP_NOT_SENT);
	http_client_free(c);
	buf_done(&s.heard);
}

static void a_body_too_long_is_given_up(struct world *w)
{
	struct script s = { .piece = "12345", .endless = true, .piece_ms = 1 };
	struct http_client *c = client(w, &s);
	struct http_request r = plain;
	struct buf b = { 0 };
	enum http_sent sent;
	struct http_open *x;
	struct err e;

	r.max_body = 12;
	x = http_open(c, &r, &sent, &e);
	CHECK(x);
	CHECK_INT(take_all(x, &b, &e), -1);
	CHECK_INT(e.code, ERR_LIMIT);
	CHECK_HAS(e.msg, "shop.example: its answer is longer than 12 bytes");
	CHECK_STR(buf_str(&b), "1234512345");
	http_close(x);
	http_client_free(c);
	CHECK_INT(s.failed, 1);
	buf_done(&b);
	buf_done(&s.heard);
}

static void a_sender_waits_for_who_does_not_read(struct world *w)
{
	static char block[50000];
	struct script s = { .piece = block, .npiece = sizeof(block), .pieces = 10 };
	struct http_client *c = client(w, &s);
	struct buf b = { 0 };
	enum http_sent sent;
	struct http_open *x;
	struct err e;

	memset(block, 'b', sizeof(block));
	x = http_open(c, &plain, &sent, &e);
	CHECK(x);
	CHECK_OK(fiber_sleep(1000, &e), &e);
	CHECK_INT(s.ended, 0);
	CHECK_INT(take_all(x, &b, &e), 0);
	CHECK_INT(b.len, 500000);
	CHECK_INT(s.ended, 1);
	http_close(x);
	x = http_open(c, &plain, &sent, &e);
	CHECK(x);
	CHECK_OK(fiber_sleep(1, &e), &e);
	CHECK_INT(s.ended, 1);
	http_close(x);
	CHECK_OK(fiber_yield(&e), &e);
	CHECK_INT(s.ended, 2); /* who waited for room was told that nobody reads */
	CHECK_INT(s.failed, 1);
	http_client_free(c);
	buf_done(&b);
	buf_done(&s.heard);
}

static void an_answer_may_be_cut_in_its_middle(struct world *w)
{
	struct script s = { .piece = "half", .pieces = 1, .cut_late = true };
	struct http_client *c = client(w, &s);
	struct buf b = { 0 };
	enum http_sent sent;
	struct err e;
	struct http_open *x = http_open(c, &plain, &sent, &e);

	CHECK(x);
	CHECK_INT(take_all(x, &b, &e), -1);
	CHECK_INT(e.code, ERR_IO);
	CHECK_HAS(e.msg, "shop.example: the connection was cut off in the middle");
	CHECK_STR(buf_str(&b), "half");
	CHECK_INT(take_all(x, &b, &e), -1);
	http_close(x);
	http_client_free(c);
	buf_done(&b);
	buf_done(&s.heard);
}

static void who_goes_away_is_noticed_by_the_answerer(struct world *w)
{
	struct script s = { .piece = "x", .endless = true, .piece_ms = 10 };
	struct http_client *c = client(w, &s);
	enum http_sent sent;
	struct err e;
	struct http_open *x = http_open(c, &plain, &sent, &e);

	CHECK(x);
	CHECK_OK(fiber_sleep(25, &e), &e);
	http_close(x);
	CHECK_OK(fiber_sleep(11, &e), &e);
	CHECK_INT(s.ended, 1);
	CHECK_INT(s.failed, 1);
	http_client_free(c);
	buf_done(&s.heard);
}

struct asking {
	struct http_client *client;
	struct http_request request;
	struct err e;
	enum http_sent sent;
	int n, in_flight, most, done;
};

static void ask_and_read(void *arg)
{
	struct asking *a = arg;
	struct http_open *x = http_open(a->client, &a->request, &a->sent, &a->e);
	const char *bytes;

	if (!x) {
		a->n = -2;
	} else {
		while ((a->n = http_read(x, &bytes, &a->e)) > 0)
			;
	}
	a->done++;
	http_close(x);
}

static void a_scope_ends_a_request(struct world *w)
{
	struct script s = { .head_ms = 100, .piece = "x", .pieces = 5, .piece_ms = 100 };
	struct http_client *c = client(w, &s);
	struct asking a = { .client = c, .request = plain };
	struct scope scope;

	for (int ms = 50; ms <= 250; ms += 200)
		for (int cancel = 0; cancel < 2; cancel++) {
			int64_t t = fiber_now();
			struct err e;

			scope_open(&scope, cancel ? FOREVER : t + ms);
			scope_go(&scope, ask_and_read, &a);
			CHECK_OK(fiber_sleep(ms, &e), &e);
			if (cancel)
				scope_cancel(&scope);
			scope_join(&scope);
			CHECK_INT(fiber_now() - t, ms);
			CHECK_INT(a.e.code, cancel ? ERR_CANCELED : ERR_TIMEOUT);
			CHECK_HAS(a.e.msg, "shop.example: ");
			CHECK_INT(a.n, ms < 100 ? -2 : -1);
			CHECK_INT(a.sent, HTTP_SENT);
		}
	http_client_free(c);
	buf_done(&s.heard);
}

static void one_waits(void *arg)
{
	ask_and_read(arg);
}

static void later_ones_wait_for_a_place(struct world *w)
{
	struct script s = { .head_ms = 100 };
	struct err e;
	struct http_client *c = http_client_new(w, 2, &e);
	struct asking a = { .client = c, .request = plain };
	int64_t t = fiber_now();
	struct scope scope, hurried;

	http_client_answers(c, play, &s);
	a.request.first_byte_ms = 150;
	scope_open(&scope, FOREVER);
	for (int i = 0; i < 6; i++)
		scope_go(&scope, one_waits, &a);
	scope_open(&hurried, t + 50);
	scope_go(&hurried, one_waits, &(struct asking){ .client = c, .request = plain });
	scope_join(&hurried);
	CHECK_INT(s.asked, 2);
	scope_join(&scope);
	CHECK_INT(fiber_now() - t, 300);
	CHECK_INT(a.done, 6);
	CHECK_INT(a.n, 0);
	CHECK_INT(s.asked, 6);
	http_client_free(c);
	buf_done(&s.heard);
}

static void crash_later(void *arg)
{
	struct err e;

	if (fiber_sleep(250, &e) == 0)
		world_crash(arg);
}

static void a_crashed_world_lets_nothing_out(struct world *w)
{
	struct script s = { .head_ms = 200, .piece = "x", .pieces = 5, .piece_ms = 100 };
	struct http_client *c = client(w, &s);
	struct asking waiting = { .client = c, .request = plain }, reading = waiting;
	struct scope scope;
	struct err e;

	scope_open(&scope, FOREVER);
	scope_go(&scope, crash_later, w);
	scope_go(&scope, ask_and_read, &reading);
	CHECK_OK(fiber_sleep(100, &e), &e);
	scope_go(&scope, ask_and_read, &waiting);
	scope_join(&scope);
	CHECK_INT(reading.n, -1);
	CHECK_INT(reading.e.code, ERR_IO);
	CHECK_INT(waiting.n, -2);
	CHECK_INT(waiting.e.code, ERR_IO);
	CHECK_HAS(waiting.e.msg, "the world crashed");
	CHECK_INT(waiting.sent, HTTP_SENT);
	fails(c, &plain, ERR_IO, "the world crashed", HTTP_NOT_SENT);
	CHECK_INT(s.asked, 2);
	http_client_free(c);
	buf_done(&s.heard);
}

static void what_cannot_be_sent_is_refused(struct world *w)
{
	static const char *const urls[] = { "", "shop.example", "ftp://shop.example/", "http:/x",
		"http://a b/", "http://u:secret@shop.example/", "http://shop.example/#secret",
		"http://127.1/?secret", "http://shop.example:0/", "http:///secret" };
	static const struct http_field fields[] = { { "", "v" }, { "a b", "v" }, { "a:", "v" },
		{ "Host", "secret" }, { "content-length", "5" }, { "transfer-encoding", "chunked" },
		{ "Authorization", "secret\r\nX: y" }, { "X", "\x7f" } };
	static const char *const methods[] = { "", "GE T", "GET\r\n", "CONNECT" };
	struct script s = { 0 };
	struct http_client *c = client(w, &s);
	struct http_request r = plain;

	for (size_t i = 0; i < array_len(urls); i++) {
		r.url = urls[i];
		fails(c, &r, ERR_INVALID, "the URL cannot be used: ", HTTP_NOT_SENT);
	}
	r = plain;
	r.nfields = 1;
	for (size_t i = 0; i < array_len(fields); i++) {
		r.fields = &fields[i];
		fails(c, &r, ERR_INVALID, "field", HTTP_NOT_SENT);
	}
	r = plain;
	for (size_t i = 0; i < array_len(methods); i++) {
		r.method = methods[i];
		fails(c, &r, ERR_INVALID, "method", HTTP_NOT_SENT);
	}
	CHECK_INT(s.asked, 0);
	http_client_free(c);
}

static void the_guard_holds_in_a_simulation_too(struct world *w)
{
	static const char *const hosts[] = { "pay.example", "*.wide.example", "10.0.0.5:8080" };
	const struct http_reach reach = { hosts, 3 };
	static const char *const good[] = { "https://pay.example/", "http://PAY.example/",
		"http://a.b.wide.example:80/", "http://10.0.0.5:8080/" };
	static const char *const bad[] = { "https://pay.example:8443/", "https://play.example/",
		"https://wide.example/", "http://10.0.0.5/", "http://10.0.0.6:8080/",
		"http://[::1]/", "https://pay.example.evil.example/?secret" };
	struct script s = { 0 };
	struct http_client *c = client(w, &s);
	struct http_request r = plain;
	enum http_sent sent;
	struct err e;

	r.reach = &reach;
	for (size_t i = 0; i < array_len(good); i++) {
		struct http_open *x;

		r.url = good[i];
		x = http_open(c, &r, &sent, &e);
		CHECK(x);
		http_close(x);
	}
	for (size_t i = 0; i < array_len(bad); i++) {
		r.url = bad[i];
		fails(c, &r, ERR_DENIED, "the list of hosts has no ", HTTP_NOT_SENT);
	}
	CHECK_INT(s.asked, array_len(good));
	http_client_free(c);
	buf_done(&s.heard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(an_exchange_carries_everything_both_ways),
		SIM_TEST(without_an_answer_the_connection_is_refused),
		SIM_TEST(times_of_the_request_end_its_waits),
		SIM_TEST(the_usual_times_are_those_of_the_header),
		SIM_TEST(a_body_too_long_is_given_up),
		SIM_TEST(a_sender_waits_for_who_does_not_read),
		SIM_TEST(an_answer_may_be_cut_in_its_middle),
		SIM_TEST(who_goes_away_is_noticed_by_the_answerer),
		SIM_TEST(a_scope_ends_a_request),
		SIM_TEST(later_ones_wait_for_a_place),
		SIM_TEST(a_crashed_world_lets_nothing_out),
		SIM_TEST(what_cannot_be_sent_is_refused),
		SIM_TEST(the_guard_holds_in_a_simulation_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
