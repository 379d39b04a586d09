#include "tests/net/http_bench.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void answer_text(
    struct http_exchange *x, int status, const char *type, const char *body, size_t n)
{
	http_answer(x, status, &(struct http_header){ "Content-Type", type }, 1, body, n);
}

static void say_what_came(struct http_exchange *x)
{
	struct buf b = { 0 };

	buf_printf(&b, "%s [%s] [%s] loopback=%d\n", x->method, x->path, x->query, x->loopback);
	for (size_t i = 0; i < x->nheaders; i++)
		buf_printf(&b, "%s=%s\n", x->headers[i].name, x->headers[i].value);
	answer_text(x, 200, "text/plain", b.data, b.len);
	buf_done(&b);
}

static void wait_at_the_gate(struct bench *b, struct http_exchange *x)
{
	struct err e;

	b->waiting++;
	if (signal_wait(&b->gate, FOREVER, &e) < 0)
		b->cancelled += e.code == ERR_CANCELED;
	b->waiting--;
	answer_text(x, 200, "text/plain", "passed", 6);
}

static void stream_events(struct bench *b, struct http_exchange *x)
{
	int sent = 0;
	struct err e = { 0 };

	http_stream(x);
	b->streams++;
	if (http_push(x, "data: hello\n\n", 13, &e) < 0)
		b->push_error = e;
	while (signal_wait(&b->event, FOREVER, &e) == 0 && b->events >= 0)
		while (sent < b->events) {
			char *line = arena_printf(x->mem, "data: %d\n\n", ++sent);

			if (http_push(x, line, strlen(line), &e) < 0)
				b->push_error = e;
		}
	b->cancelled += e.code == ERR_CANCELED;
	b->streams--;
}

static void flood(struct bench *b, struct http_exchange *x)
{
	static char block[16384];
	struct err e;

	memset(block, 'x', sizeof(block));
	http_stream(x);
	b->flooded = 0;
	while (http_push(x, block, sizeof(block), &b->push_error) == 0) {
		b->flooded += sizeof(block);
		if (fiber_yield(&e) < 0)
			break;
	}
	b->floods++;
}

/* Numbered lines, as fast as they are taken. */
static void count(struct http_exchange *x)
{
	int last = atoi(http_query(x, "to"));
	char line[16];
	struct err e;

	http_stream(x);
	for (int i = 1; i <= last; i++) {
		int n = snprintf(line, sizeof(line), "%d\n", i);

		if (http_push(x, line, (size_t)n, &e) < 0 || http_drain(x, &e) < 0)
			return;
	}
}

/* One push of so many bytes. */
static void pour(struct http_exchange *x)
{
	size_t n = strtoul(http_query(x, "bytes"), NULL, 10);
	char *text = arena_alloc(x->mem, n);
	struct err e;

	memset(text, 'z', n);
	http_stream(x);
	http_push(x, text, n, &e);
}

static void take_its_time(struct http_exchange *x)
{
	struct err e;

	if (fiber_sleep(atoi(http_query(x, "ms")), &e) < 0)
		return;
	answer_text(x, 200, "application/json", x->body, x->body_len);
}

static void large(struct http_exchange *x)
{
	size_t n = 64u << 20;
	char *text = arena_alloc(x->mem, n);

	memset(text, 'y', n);
	answer_text(x, 200, "text/plain", text, n);
}

void bench_handle(void *self, struct http_exchange *x)
{
	struct bench *b = self;

	if (text_is(x->path, "/echo"))
		answer_text(x, 200, "application/json", x->body, x->body_len);
	else if (text_is(x->path, "/wait"))
		wait_at_the_gate(b, x);
	else if (text_is(x->path, "/sse"))
		stream_events(b, x);
	else if (text_is(x->path, "/flood"))
		flood(b, x);
	else if (text_is(x->path, "/count"))
		count(x);
	else if (text_is(x->path, "/pour"))
		pour(x);
	else if (text_is(x->path, "/slow"))
		take_its_time(x);
	else if (text_is(x->path, "/large"))
		large(x);
	else if (!text_is(x->path, "/silent"))
		say_what_came(x);
}

const char *bench_refuse(struct arena *mem, int status, const char *code, const char *message)
{
	return arena_printf(mem, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\",\"status\":%d}}",
	    code, message, status);
}

void bench_open(struct bench *b, struct world *w, const struct http_server_options *more)
{
	struct http_server_options o = more ? *more : (struct http_server_options){ 0 };
	struct err e;

	*b = (struct bench){ .world = w, .mem = arena_new(), .lane = lane_new(w, "client", 4) };
	signal_init(&b->gate);
	signal_init(&b->event);
	o.world = w;
	if (!o.host)
		o.host = "127.0.0.1";
	o.handle = bench_handle;
	o.refuse = bench_refuse;
	o.self = b;
	b->server = http_server_open(&o, &e);
	if (!CHECK(b->server))
		fprintf(stderr, "%s\n", e.msg);
}

/* Wait until *count is this; the loop runs meanwhile. */
bool bench_reaches(const int *count, int wanted)
{
	int64_t deadline = fiber_now() + PATIENCE_MS;
	struct err e;

	while (*count != wanted && fiber_now() < deadline)
		if (fiber_sleep(1, &e) < 0)
			break;
	return *count == wanted;
}

/* Everything of the requests is gone while the server still runs. */
void bench_is_empty(struct bench *b)
{
	CHECK(bench_reaches(&b->server->nhandlers, 0));
	CHECK(bench_reaches(&b->server->nconnections, 0));
	CHECK_INT(b->server->nstreams, 0);
	CHECK(list_empty(&b->server->suspended));
}

void bench_close(struct bench *b)
{
	if (b->server)
		http_server_close(b->server, fiber_now() + PATIENCE_MS);
	lane_free(b->lane);
	arena_free(b->mem);
}

int client_dial_with(struct bench *b, int receive_buffer)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(b->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (receive_buffer)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int client_dial(struct bench *b)
{
	int fd = client_dial_with(b, 0);

	CHECK(fd >= 0);
	return fd;
}

void client_say_bytes(int fd, const char *text, size_t n)
{
	CHECK_INT(send(fd, text, n, MSG_NOSIGNAL), n);
}

void client_say(int fd, const char *text)
{
	client_say_bytes(fd, text, strlen(text));
}

void client_get(int fd, const char *path)
{
	char text[300];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	client_say(fd, text);
}

void client_post(int fd, const char *path, const char *body)
{
	char text[400];

	snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
	    path, strlen(body), body);
	client_say(fd, text);
}

struct hearing {
	int fd;
	const char *words; /* NULL: to the end */
	int times;
	struct buf heard;
	bool ended, reset;
};

int count_of(const char *text, const char *words)
{
	int n = 0;

	for (; (text = strstr(text, words)); text += strlen(words))
		n++;
	return n;
}

static void hear_job(void *arg)
{
	struct hearing *h = arg;
	char part[4096];

	while (!h->words || count_of(buf_str(&h->heard), h->words) < h->times) {
		ssize_t n = recv(h->fd, part, sizeof(part), 0);

		if (n <= 0) {
			h->ended = n == 0;
			h->reset = n < 0 && errno == ECONNRESET;
			return;
		}
		buf_add(&h->heard, part, (size_t)n);
	}
}

/* What the server says until it has said these words so many times; NULL: until it closes, which
 * is then a line "<closed>" or "<reset>" at the end. */
const char *client_hear_times(struct bench *b, int fd, const char *words, int times)
{
	struct hearing h = { .fd = fd, .words = words, .times = times };
	const char *all;
	struct err e;

	CHECK_OK(lane_run(b->lane, hear_job, &h, NULL, FOREVER, NULL, &e), &e);
	all = arena_printf(b->mem, "%s%s", buf_str(&h.heard),
	    h.ended   ? "<closed>"
	    : h.reset ? "<reset>"
		      : "");
	buf_done(&h.heard);
	return all;
}

const char *client_hear(struct bench *b, int fd, const char *words)
{
	return client_hear_times(b, fd, words, 1);
}

/* One request on a connection of its own; all of the answer, to the closing. */
const char *client_ask(struct bench *b, const char *text)
{
	int fd = client_dial(b);
	const char *answer;

	client_say(fd, text);
	answer = client_hear(b, fd, NULL);
	close(fd);
	return answer;
}

void client_leave(int fd, enum leaving how)
{
	struct linger now = { .l_onoff = 1 };

	if (how == RESETS)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (how == SHUTS_WRITING)
		shutdown(fd, SHUT_WR);
	else
		close(fd);
}
