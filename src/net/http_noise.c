#include "base/log.h"
#include "base/mem.h"
#include "net/http_parts.h"

#include <stdio.h>
#include <string.h>

/* The library's own lines, and the answers it would give by itself.
 *
 * What it cannot parse it answers alone, with a page of HTML, and after some headers with two heads
 * in a row.  Callbacks do not hear of it; but it logs a line first, with the status.  If there is
 * only one connection that can be meant, we answer in the contract's form right then and shut the
 * socket's writing half, and the library's page goes nowhere.  If there are several (some client is
 * slow with its head), or the line has changed in another version of the library, its own page
 * goes out: the status is the same. */

#define LINES_MAX 5 /* a second */

static const struct known {
	int status;
	const char *code, *message;
} known[] = {
	{ 400, "bad_request",
	    "this is no HTTP: look at the Content-Length, at the header lines (Name: value) and at "
	    "the sizes of chunks" },
	{ 413, "too_large", "the body is larger than can be counted" },
	{ 414, "headers_too_large", "the address is too long" },
	{ 431, "headers_too_large", HTTP_HEAD_TOO_LARGE },
	{ 505, "bad_request", "this server speaks HTTP/1.1 and 1.0" },
};

struct search {
	struct http_server *server;
	struct connection *found;
	int n;
};

enum stage {
	NO_LINE = 1, /* its request line is not read yet */
	NOT_WHOLE = 2
};

static void search(struct search *s, enum http_wait what, unsigned stages)
{
	struct link *queue = &s->server->deadlines.queues[what];

	for (struct link *l = queue->next; l != queue && s->n < 2; l = l->next) {
		struct connection *c = container_of(l, struct connection, due.link);

		if (stages & (c->request ? NOT_WHOLE : NO_LINE)) {
			s->found = c;
			s->n++;
		}
	}
}

/* Which connection can have met with this?  The one message for whatever is malformed is used for
 * request lines and for headers. */
static struct connection *culprit(struct http_server *s, int status, const char *page)
{
	struct search all = { .server = s };
	unsigned stages = NOT_WHOLE;

	if (status == 414 || status == 505)
		stages = NO_LINE;
	else if (strstr(page, "Request malformed"))
		stages = NO_LINE | NOT_WHOLE;
	search(&all, WAIT_HEADER, stages);
	search(&all, WAIT_BODY, stages);
	search(&all, WAIT_IDLE, stages);
	return all.n == 1 ? all.found : NULL;
}

static void answer_instead(struct http_server *s, int status, const char *page)
{
	struct connection *c = culprit(s, status, page);
	struct arena *mem;

	if (!c)
		return;
	mem = arena_new();
	for (size_t i = 0; i < array_len(known); i++)
		if (known[i].status == status)
			http_refuse_by_hand(c, mem, status, known[i].code, known[i].message);
	arena_free(mem);
}

/* One line or more comes for each client that errs or leaves: for debugging only, unless the
 * library runs out of something. */
static void log_line(struct http_server *s, const char *fmt, char *line)
{
	int64_t now = (int64_t)uv_now(s->loop) / 1000;

	if (now != s->noise_since) {
		if (s->noise > LINES_MAX)
			log_debug(
			    "libmicrohttpd: %d more lines in that second", s->noise - LINES_MAX);
		s->noise_since = now;
		s->noise = 0;
	}
	if (++s->noise > LINES_MAX)
		return;
	for (char *p = line; *p; p++) /* it quotes what clients sent */
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	if (strstr(fmt, "accept") || strstr(fmt, "limit"))
		log_warn("libmicrohttpd: %s", line);
	else
		log_debug("libmicrohttpd: %s", line);
}

void http_on_noise(void *arg, const char *fmt, va_list ap)
{
	static const char refusing[] = "Error processing request (HTTP response code is %u ('%s'))";
	struct http_server *s = arg;
	char line[300];

	if (!strncmp(fmt, refusing, sizeof(refusing) - 1)) {
		va_list copy;
		int status;

		va_copy(copy, ap);
		status = (int)va_arg(copy, unsigned);
		answer_instead(s, status, va_arg(copy, const char *));
		va_end(copy);
	}
	vsnprintf(line, sizeof(line), fmt, ap);
	log_line(s, fmt, line);
}
