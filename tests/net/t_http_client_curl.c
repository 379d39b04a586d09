#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/http_client.h"
#include "tests/net/http_bench.h"
#include "tests/net/raw_server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The client in a real world: against our own server, and against one that sends given bytes. */

struct exchange {
	struct http_client *client;
	struct http_request request;
	char url[200];
	int n, status, done;
	enum http_sent sent;
	char type[64];
	struct buf body;
	struct err e;
};

static struct http_client *client(struct world *w)
{
	struct err e;
	struct http_client *c = http_client_new(w, 0, &e);

	CHECK(c);
	return c;
}

static void point(struct exchange *a, int port, const char *path)
{
	snprintf(a->url, sizeof(a->url), "http://127.0.0.1:%d%s", port, path);
	a->request.url = a->url;
	if (!a->request.method)
		a->request.method = "GET";
}

/* Ask and read all; what came is in *a. */
static void ask(struct exchange *a)
{
	struct http_open *x = http_open(a->client, &a->request, &a->sent, &a->e);
	const char *bytes;

	buf_clear(&a->body);
	a->n = -2;
	if (x) {
		a->status = http_status(x);
		snprintf(a->type, sizeof(a->type), "%s",
		    http_field(x, "content-type") ? http_field(x, "content-type") : "(none)");
		while ((a->n = http_read(x, &bytes, &a->e)) > 0)
			buf_add(&a->body, bytes, (size_t)a->n);
	}
	http_close(x);
	a->done++;
}

static void ask_fiber(void *arg)
{
	ask(arg);
}

static void get(struct exchange *a, int port, const char *path)
{
	point(a, port, path);
	ask(a);
	if (a->n)
		fprintf(stderr, "%s: %s\n", path, a->e.msg);
	CHECK_INT(a->n, 0);
	CHECK_INT(a->sent, HTTP_SENT);
}

static void fails(
    struct exchange *a, int n, enum err_code code, const char *words, enum http_sent sent)
{
	ask(a);
	CHECK_INT(a->n, n);
	CHECK_STR(err_name(a->e.code), err_name(code));
	CHECK_HAS(a->e.msg, "127.0.0.1");
	CHECK_HAS(a->e.msg, words);
	CHECK_INT(a->sent, sent);
	a->e = (struct err){ 0 };
}

static void close_both(struct exchange *a, struct raw *r)
{
	http_client_free(a->client);
	buf_done(&a->body);
	if (r)
		raw_close(r);
}

static void requests_and_answers_come_through_whole(struct world *w)
{
	const struct http_field fields[] = { { "X-Key", "two words" }, { "X-Empty", "" },
		{ "Content-Type", "application/json" } };
	const struct http_piece body[] = { { "[1", 2 }, { ",2]", 3 } };
	struct exchange a = { .client = client(w) };
	struct bench b;

	bench_open(&b, w, NULL);
	a.request = (struct http_request){ .fields = fields, .nfields = 3 };
	get(&a, http_server_port(b.server), "/a%20b/../c?x=1&y=%2F");
	CHECK_INT(a.status, 200);
	CHECK_STR(a.type, "text/plain");
	CHECK_HAS(buf_str(&a.body), "GET [/a%20b/../c] [x=1&y=%2F] loopback=1\nHost=127.0.0.1:");
	CHECK_HAS(buf_str(&a.body), "\nX-Key=two words\nX-Empty=\nContent-Type=application/json\n");
	a.request.method = "PATCH";
	a.request.body = body;
	a.request.npieces = 2;
	get(&a, http_server_port(b.server), "/");
	CHECK_HAS(buf_str(&a.body), "PATCH [/]");
	CHECK_HAS(buf_str(&a.body), "\nContent-Length=5\n");
	a.request.method = "POST";
	get(&a, http_server_port(b.server), "/echo");
	CHECK_STR(buf_str(&a.body), "[1,2]");
	a.request.method = "DELETE";
	a.request.npieces = a.request.nfields = 0;
	get(&a, http_server_port(b.server), "/");
	CHECK_HAS(buf_str(&a.body), "DELETE [/]");
	CHECK(!strstr(buf_str(&a.body), "Content-"));
	CHECK(!strstr(buf_str(&a.body), "X-Key"));
	a.request.method = "HEAD";
	get(&a, http_server_port(b.server), "/");
	CHECK_INT(a.body.len, 0);
	a.request.method = "POST";
	get(&a, http_server_port(b.server), "/");
	CHECK_HAS(buf_str(&a.body), "POST [/]");
	CHECK(!strstr(buf_str(&a.body), "Content-Type="));
	a.request.method = "GET";
	get(&a, http_server_port(b.server), "/");
	CHECK_HAS(buf_str(&a.body), "GET [/]");
	CHECK_INT(b.server->accepted, 1);
	close_both(&a, NULL);
	bench_is_empty(&b);
	bench_close(&b);
}

static void bodies_may_be_large_both_ways(struct world *w)
{
	static const size_t sizes[] = { 16384, 16385, 65536, 65537, 1000000 };
	struct exchange a = { .client = client(w) };
	char *text = mem_alloc(1000001);
	struct http_piece body = { .bytes = text };
	struct bench b;

	bench_open(&b, w, NULL);
	for (size_t i = 0; i < 1000000; i++)
		text[i] = (char)('a' + i * 7 % 26);
	a.request = (struct http_request){ .method = "POST", .body = &body, .npieces = 1 };
	for (size_t i = 0; i < array_len(sizes); i++) {
		body.n = sizes[i];
		get(&a, http_server_port(b.server), "/echo");
		CHECK_INT(a.body.len, sizes[i]);
		CHECK(!memcmp(a.body.data, text, a.body.len));
	}
	CHECK_INT(b.server->accepted, 1);
	a.request = (struct http_request){ .method = "GET" };
	get(&a, http_server_port(b.server), "/pour?bytes=3000000");
	CHECK_INT(a.body.len, 3000000);
	get(&a, http_server_port(b.server), "/count?to=20000");
	CHECK_HAS(buf_str(&a.body), "\n19999\n20000\n");
	a.request.max_body = 2999999;
	point(&a, http_server_port(b.server), "/pour?bytes=3000000");
	fails(&a, -1, ERR_LIMIT, "longer than 2999999 bytes", HTTP_SENT);
	CHECK(a.body.len > 2500000);
	close_both(&a, NULL);
	free(text);
	bench_is_empty(&b);
	bench_close(&b);
}

static void what_is_not_read_waits_at_the_sender(struct world *w)
{
	struct exchange a = { .client = client(w) };
	const char *bytes;
	struct http_open *x;
	size_t all = 0;
	struct bench b;
	int n;

	bench_open(&b, w, NULL);
	point(&a, http_server_port(b.server), "/large");
	a.request.max_body = 128u << 20;
	x = http_open(a.client, &a.request, &a.sent, &a.e);
	CHECK(x);
	for (int i = 0; i < 100; i++)
		CHECK_OK(fiber_sleep(1, &a.e), &a.e);
	while ((n = http_read(x, &bytes, &a.e)) > 0) {
		CHECK(n < 2 * 64 * 1024);
		all += (size_t)n;
		if (all < 2u << 20)
			CHECK_OK(fiber_yield(&a.e), &a.e);
	}
	CHECK_INT(n, 0);
	CHECK_INT(all, 64u << 20);
	http_close(x);
	x = http_open(a.client, &a.request, &a.sent, &a.e);
	CHECK(http_read(x, &bytes, &a.e) > 0);
	http_close(x); /* in its middle */
	bench_is_empty(&b);
	close_both(&a, NULL);
	bench_close(&b);
}

static void a_stream_is_read_as_it_comes(struct world *w)
{
	struct exchange a = { .client = client(w) };
	const char *bytes;
	struct http_open *x;
	struct bench b;
	int n;

	bench_open(&b, w, NULL);
	point(&a, http_server_port(b.server), "/sse");
	x = http_open(a.client, &a.request, &a.sent, &a.e);
	CHECK(x);
	n = http_read(x, &bytes, &a.e);
	CHECK(n == 13 && !memcmp(bytes, "data: hello\n\n", 13));
	for (int i = 1; i < 4; i++) {
		b.events++;
		signal_wake_all(&b.event);
		n = http_read(x, &bytes, &a.e);
		CHECK(n == 9 && atoi(bytes + 6) == i);
	}
	b.events = -1;
	signal_wake_all(&b.event);
	CHECK_INT(http_read(x, &bytes, &a.e), 0);
	CHECK_INT(http_read(x, &bytes, &a.e), 0);
	http_close(x);
	close_both(&a, NULL);
	bench_is_empty(&b);
	bench_close(&b);
}

static void slow_servers_are_given_up(struct world *w)
{
	static const struct raw_answer answers[] = { { .bytes = NULL },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Le" },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" } };
	struct raw *r = raw_open(answers, 3);
	struct exchange a = { .client = client(w) };
	int64_t t = fiber_now();

	point(&a, raw_port(r), "/?secret");
	a.request.first_byte_ms = 60;
	fails(&a, -2, ERR_TIMEOUT, "no answer came within 60 ms", HTTP_SENT);
	CHECK(fiber_now() - t >= 60);
	fails(&a, -2, ERR_TIMEOUT, "no answer came within 60 ms", HTTP_SENT);
	a.request.first_byte_ms = PATIENCE_MS;
	a.request.silence_ms = 40;
	fails(&a, -1, ERR_TIMEOUT, "nothing came for 40 ms", HTTP_SENT);
	CHECK_STR(buf_str(&a.body), "half");
	CHECK(!strstr(a.e.msg, "secret"));
	CHECK_OK(fiber_yield(&a.e), &a.e);
	CHECK_INT(raw_accepted(r), 3);
	for (int i = 0; i < PATIENCE_MS && raw_gone(r) < 3; i++)
		(void)fiber_sleep(1, &a.e);
	CHECK_INT(raw_gone(r), 3);
	close_both(&a, r);
}

static void answers_that_break_off_or_are_none(struct world *w)
{
	static char nul[] = "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n";
	static const struct {
		struct raw_answer answer;
		int n;
		const char *words;
	} cases[] = {
		{ { .then = RAW_CLOSES }, -2, "cut off before an answer" },
		{ { .then = RAW_RESETS }, -2, "cut off before an answer" },
		{ { .bytes = "HTTP/1.1 200 OK\r\nA: b\r\n", .then = RAW_CLOSES }, -2, "" },
		{ { .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
		      .then = RAW_CLOSES },
		    -1, "cut off in the middle" },
		{ { .bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		      .then = RAW_CLOSES },
		    -1, "cut off in the middle" },
		{ { .bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n" }, -1,
		    "cut off in the middle" },
		{ { .bytes = "hello\r\n", .then = RAW_CLOSES }, -2, "not HTTP" },
		{ { .bytes = nul, .n = sizeof(nul) - 1, .then = RAW_CLOSES }, -2, "not HTTP" },
		{ { .bytes = "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhalf",
		      .then = RAW_CLOSES },
		    -2, "not HTTP" },
	};

	for (size_t i = 0; i < array_len(cases); i++) {
		struct raw *r = raw_open(&cases[i].answer, 1);
		struct exchange a = { .client = client(w) };

		point(&a, raw_port(r), "/");
		a.request.first_byte_ms = PATIENCE_MS;
		fails(&a, cases[i].n, ERR_IO, cases[i].words, HTTP_SENT);
		close_both(&a, r);
	}
}

static void odd_answers_are_read_as_they_are_meant(struct world *w)
{
	static const struct raw_answer answers[] = {
		{ .bytes = "HTTP/1.1 100 Continue\r\nContent-Type: no\r\n\r\nHTTP/1.1 103 Early "
			   "Hints\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Type:  x/y  "
			   "\r\nContent-Length: 4\r\n\r\nnone" },
		{ .bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n2;"
			   "e=1\r\nab\r\n3\r\ncde\r\n0\r\nContent-Type: late\r\n\r\n" },
		{ .bytes = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: "
			   "a=b\r\nContent-Length: 2\r\n\r\nno" },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "
			   "5\r\n\r\nz\x1f\x8bzz" },
		{ .bytes = "HTTP/1.1 204 No Content\r\n\r\n" },
		{ .bytes = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n"
			   "Content-Length: 0\r\n\r\n" },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 "
			   "OK\r\nContent-Length: 5\r\n\r\nsplit" },
		{ .bytes = "HTTP/1.0 200 OK\r\n\r\nto the end", .then = RAW_CLOSES },
	};
	static const char *const bodies[] = { "none", "abcde", "no", "z\x1f\x8bzz", "", "", "ok",
		"to the end" };
	static const int statuses[] = { 404, 200, 302, 200, 204, 401, 200, 200 };
	struct raw *r = raw_open(answers, array_len(answers));
	struct exchange a = { .client = client(w) };

	for (size_t i = 0; i < array_len(answers); i++) {
		get(&a, raw_port(r), "/");
		CHECK_INT(a.status, statuses[i]);
		CHECK_STR(buf_str(&a.body), bodies[i]);
		CHECK_STR(a.type, i == 0 ? "x/y" : "(none)");
	}
	CHECK_INT(raw_asked(r), array_len(answers)); /* no redirect was followed */
	CHECK(!strstr(raw_last(r), "Cookie"));
	CHECK(!strstr(raw_last(r), "Accept-Encoding"));
	CHECK_INT(raw_accepted(r), 2); /* the one with bytes too many was not kept */
	close_both(&a, r);
}

static void a_head_too_long_is_given_up(struct world *w)
{
	struct raw_answer answer = { .then = RAW_CLOSES };
	struct exchange a = { .client = client(w) };
	struct buf b = { 0 };
	struct raw *r;

	buf_adds(&b, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 3000; i++)
		buf_printf(&b, "X-Field-%d: twenty or so bytes\r\n", i);
	buf_adds(&b, "\r\n");
	answer.bytes = b.data;
	r = raw_open(&answer, 1);
	point(&a, raw_port(r), "/");
	fails(&a, -2, ERR_LIMIT, "the head of its answer is longer", HTTP_SENT);
	CHECK_INT(raw_asked(r), 1);
	close_both(&a, r);
	buf_done(&b);
}

static void nothing_listening_is_told_as_not_sent(struct world *w)
{
	static const struct raw_answer none[] = { { .bytes = NULL } };
	struct raw *r = raw_open(none, 1);
	struct exchange a = { .client = client(w) };

	point(&a, raw_port(r), "/?secret");
	raw_close(r);
	fails(&a, -2, ERR_IO, "connection refused", HTTP_NOT_SENT);
	close_both(&a, NULL);
}

/* A listener whose queue is full: packets to it are dropped. */
static void who_does_not_answer_the_call_is_given_up(struct world *w)
{
	struct exchange a = { .client = client(w) };
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), full[3];

	CHECK(bind(fd, (struct sockaddr *)&at, n) == 0 && listen(fd, 0) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &n) == 0);
	for (int i = 0; i < 3; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(full[i], (struct sockaddr *)&at, n);
	}
	point(&a, ntohs(at.sin_port), "/");
	a.request.connect_ms = 70;
	fails(&a, -2, ERR_TIMEOUT, "no connection came about within 70 ms", HTTP_NOT_SENT);
	for (int i = 0; i < 3; i++)
		close(full[i]);
	close(fd);
	close_both(&a, NULL);
}

static void a_kept_connection_that_was_closed_is_made_again(struct world *w)
{
	static const struct raw_answer answers[] = {
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
		{ .then = RAW_CLOSES }, /* after the request, on a connection that was kept */
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain" },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", .then = RAW_CLOSES },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter" },
	};
	struct raw *r = raw_open(answers, array_len(answers));
	struct exchange a = { .client = client(w) };
	struct err e;

	get(&a, raw_port(r), "/");
	raw_close_connections(r);
	CHECK_OK(fiber_sleep(5, &e), &e);
	get(&a, raw_port(r), "/");
	CHECK_INT(raw_accepted(r), 2);
	get(&a, raw_port(r), "/");
	CHECK_STR(buf_str(&a.body), "again");
	CHECK_INT(raw_accepted(r), 3);
	get(&a, raw_port(r), "/");
	get(&a, raw_port(r), "/");
	CHECK_STR(buf_str(&a.body), "after");
	CHECK_INT(raw_accepted(r), 4);
	close_both(&a, r);
}

static void what_must_not_come_twice_is_sent_once(struct world *w)
{
	static const struct raw_answer answers[] = {
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
		{ .then = RAW_RESETS }, /* after the request */
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain" },
	};
	const struct http_piece body = { "pay", 3 };
	struct raw *r = raw_open(answers, array_len(answers));
	struct exchange a = { .client = client(w) };

	get(&a, raw_port(r), "/");
	a.request =
	    (struct http_request){ .method = "POST", .body = &body, .npieces = 1, .once = true };
	point(&a, raw_port(r), "/pay");
	fails(&a, -2, ERR_IO, "cut off before an answer", HTTP_SENT);
	CHECK_INT(raw_asked(r), 2);
	a.request = (struct http_request){ 0 };
	get(&a, raw_port(r), "/");
	CHECK_STR(buf_str(&a.body), "again");
	CHECK_INT(raw_accepted(r), 2); /* the others share theirs again */
	close_both(&a, r);
}

static void one_kept_connection_after_the_other_is_not_tried(struct world *w)
{
	static const struct raw_answer answers[] = {
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
		{ .then = RAW_RESETS }, /* after the request */
	};
	struct raw *r = raw_open(answers, array_len(answers));
	struct exchange a[3] = { { .client = client(w) } };
	struct scope s;

	scope_open(&s, FOREVER);
	for (int i = 0; i < 3; i++) {
		a[i].client = a[0].client;
		point(&a[i], raw_port(r), "/");
		scope_go(&s, ask_fiber, &a[i]);
	}
	scope_join(&s);
	CHECK_INT(raw_accepted(r), 3);
	fails(&a[0], -2, ERR_IO, "cut off before an answer", HTTP_SENT);
	CHECK(raw_asked(r) > 3 && raw_asked(r) <= 3 + 2); /* it would be 3 + 4 */
	buf_done(&a[1].body);
	buf_done(&a[2].body);
	close_both(&a[0], r);
}

/* A body that is not kept cannot be sent again. */
static void a_large_body_on_a_closed_connection_fails_cleanly(struct world *w)
{
	static const struct raw_answer answers[] = {
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
		{ .then = RAW_CLOSES },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain" },
	};
	struct raw *r = raw_open(answers, array_len(answers));
	struct exchange a = { .client = client(w) };
	struct http_piece body = { .bytes = mem_alloc(50000), .n = 50000 };

	get(&a, raw_port(r), "/");
	a.request = (struct http_request){ .method = "POST", .body = &body, .npieces = 1 };
	point(&a, raw_port(r), "/");
	fails(&a, -2, ERR_IO, "cut off before an answer", HTTP_SENT);
	get(&a, raw_port(r), "/");
	CHECK_STR(buf_str(&a.body), "again");
	close_both(&a, r);
	free((char *)body.bytes);
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#define CROWD 200

static void many_at_once_share_what_they_can(struct world *w)
{
	static struct exchange crowd[CROWD];
	const struct http_piece body = { "[1,2,3]", 7 };
	int before = descriptors();
	struct http_client *c = client(w);
	struct scope s;
	struct bench b;

	bench_open(&b, w, NULL);
	for (int round = 0; round < 3; round++) {
		scope_open(&s, fiber_now() + PATIENCE_MS);
		for (int i = 0; i < CROWD; i++) {
			crowd[i] = (struct exchange){ .client = c,
				.body = crowd[i].body,
				.request = { .method = "POST", .body = &body, .npieces = 1 } };
			point(&crowd[i], http_server_port(b.server), "/slow?ms=20");
			scope_go(&s, ask_fiber, &crowd[i]);
		}
		scope_join(&s);
		for (int i = 0; i < CROWD; i++) {
			CHECK_INT(crowd[i].n, 0);
			CHECK_STR(buf_str(&crowd[i].body), "[1,2,3]");
		}
	}
	CHECK(b.server->accepted <= CROWD);
	for (int i = 0; i < CROWD; i++)
		buf_done(&crowd[i].body);
	http_client_free(c);
	crowd[0] = (struct exchange){ 0 };
	bench_is_empty(&b);
	bench_close(&b);
	CHECK_INT(descriptors(), before);
}

static void places_limit_what_is_under_way(struct world *w)
{
	struct exchange *crowd = mem_alloc(10 * sizeof(*crowd));
	struct err e;
	struct http_client *c = http_client_new(w, 2, &e);
	struct scope s;
	struct bench b;

	bench_open(&b, w, NULL);
	scope_open(&s, fiber_now() + PATIENCE_MS);
	for (int i = 0; i < 10; i++) {
		crowd[i].client = c;
		point(&crowd[i], http_server_port(b.server), "/wait");
		scope_go(&s, ask_fiber, &crowd[i]);
	}
	for (int done = 0; done < 10; done += 2) {
		CHECK(bench_reaches(&b.waiting, 2));
		CHECK_INT(b.server->nhandlers, 2);
		signal_wake_all(&b.gate);
		CHECK(bench_reaches(&crowd[done].done, 1));
		CHECK(bench_reaches(&crowd[done + 1].done, 1));
	}
	scope_join(&s);
	CHECK(b.server->accepted <= 2);
	for (int i = 0; i < 10; i++)
		buf_done(&crowd[i].body);
	free(crowd);
	http_client_free(c);
	bench_is_empty(&b);
	bench_close(&b);
}

static void without_a_descriptor_it_waits_for_one(struct world *w)
{
	static const struct raw_answer answer = {
		.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	};
	struct raw *r = raw_open(&answer, 1);
	struct exchange a = { .client = client(w), .n = -2, .request = { .connect_ms = 200 } };
	struct rlimit all, few;
	int taken[256], n = 0;
	struct scope s;
	struct err e;

	getrlimit(RLIMIT_NOFILE, &all);
	few = all;
	few.rlim_cur = array_len(taken);
	setrlimit(RLIMIT_NOFILE, &few);
	while (n < (int)array_len(taken) && (taken[n] = dup(0)) >= 0)
		n++;
	point(&a, raw_port(r), "/");
	fails(&a, -2, ERR_LIMIT, "making a socket", HTTP_NOT_SENT);
	scope_open(&s, FOREVER);
	scope_go(&s, ask_fiber, &a);
	CHECK_OK(fiber_sleep(60, &e), &e);
	while (n)
		close(taken[--n]);
	scope_join(&s);
	setrlimit(RLIMIT_NOFILE, &all);
	CHECK_INT(a.n, 0);
	CHECK_STR(buf_str(&a.body), "ok");
	close_both(&a, r);
}

static void who_is_cancelled_lets_go_at_once(struct world *w)
{
	struct exchange a = { .client = client(w) };
	struct scope s;
	struct bench b;

	bench_open(&b, w, NULL);
	for (int cancel = 0; cancel < 3; cancel++) {
		point(&a, http_server_port(b.server), cancel == 2 ? "/sse" : "/wait");
		scope_open(&s, cancel ? FOREVER : fiber_now() + 30);
		scope_go(&s, ask_fiber, &a);
		if (cancel) {
			CHECK(bench_reaches(cancel == 2 ? &b.streams : &b.waiting, 1));
			scope_cancel(&s);
		}
		scope_join(&s);
		CHECK_INT(a.e.code, cancel ? ERR_CANCELED : ERR_TIMEOUT);
		CHECK_INT(a.sent, HTTP_SENT);
		bench_is_empty(&b); /* the server sees that we have gone */
	}
	close_both(&a, NULL);
	bench_close(&b);
}

/* Before the loop has had a turn: nothing has left. */
static void who_goes_at_once_has_sent_nothing(struct world *w)
{
	struct exchange a = { .client = client(w) };
	struct scope s;
	struct bench b;
	struct err e;

	bench_open(&b, w, NULL);
	point(&a, http_server_port(b.server), "/");
	scope_open(&s, FOREVER);
	scope_go(&s, ask_fiber, &a);
	CHECK_OK(fiber_yield(&e), &e);
	scope_cancel(&s);
	scope_join(&s);
	CHECK_INT(a.e.code, ERR_CANCELED);
	CHECK_INT(a.sent, HTTP_NOT_SENT);
	CHECK_INT(b.server->accepted, 0);
	get(&a, http_server_port(b.server), "/");
	close_both(&a, NULL);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(requests_and_answers_come_through_whole),
		REAL_TEST(bodies_may_be_large_both_ways),
		REAL_TEST(what_is_not_read_waits_at_the_sender),
		REAL_TEST(a_stream_is_read_as_it_comes),
		REAL_TEST(slow_servers_are_given_up),
		REAL_TEST(answers_that_break_off_or_are_none),
		REAL_TEST(odd_answers_are_read_as_they_are_meant),
		REAL_TEST(a_head_too_long_is_given_up),
		REAL_TEST(nothing_listening_is_told_as_not_sent),
		REAL_TEST(who_does_not_answer_the_call_is_given_up),
		REAL_TEST(a_kept_connection_that_was_closed_is_made_again),
		REAL_TEST(what_must_not_come_twice_is_sent_once),
		REAL_TEST(one_kept_connection_after_the_other_is_not_tried),
		REAL_TEST(a_large_body_on_a_closed_connection_fails_cleanly),
		REAL_TEST(many_at_once_share_what_they_can),
		REAL_TEST(places_limit_what_is_under_way),
		REAL_TEST(without_a_descriptor_it_waits_for_one),
		REAL_TEST(who_is_cancelled_lets_go_at_once),
		REAL_TEST(who_goes_at_once_has_sent_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
