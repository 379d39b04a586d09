/*
 * mockllm: a scripted LLM and tool backend on one port.
 *
 *   POST /v1/chat/completions   OpenAI Chat Completions, JSON or SSE
 *   POST /v1/messages           Anthropic Messages, JSON or SSE
 *   POST /tools/<name>          tool backend, fixed JSON after tool_ms
 *   POST /v1/conversations...   the "null" system: answers at once (load generator ceiling)
 *   POST /_config?ttft_ms=&tok_ms=&tool_ms=     GET /_stats   POST /_reset
 *
 * Script: when the last message holds tool results the answer is a text of 60
 * tokens, otherwise three parallel tool calls. A conversation in which a tool
 * call lacks its result (or the reverse) is refused with 400.
 * One thread, one epoll loop.
 */
#include "mock_request.h"
#include "util.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	N_TOKENS = 60
};

static const char *const tool_names[N_TOOLS] = { "lookup_order", "check_refund_policy",
	"check_cancellation_policy" };

static char *tokens[N_TOKENS]; /* the reply, token by token */
static char reply[2048];       /* the reply in one piece */

static struct {
	double ttft_ms, tok_ms, tool_ms;
} cfg;

static struct {
	uint64_t llm, llm_tools, llm_final, tool, bad, streamed, no_system, accepted;
	uint64_t inflight, max_inflight, conns, max_conns, body_bytes;
} st;

/* ---------- connections ---------- */

enum proto {
	P_OPENAI,
	P_ANTHROPIC,
	P_TOOL
};

struct conn {
	int fd;
	uint32_t gen;
	struct buf in, out;
	size_t out_off, body_at, need;
	bool busy, closing, want_out, sent_continue;
	enum proto proto;
	struct request rq;
	int tool, next_token; /* -1: headers not sent yet */
	uint64_t serial;
	struct conn *next_free;
};

static int ep;
static struct conn *free_list;
static uint64_t serial;

struct timer {
	uint64_t at;
	struct conn *c;
	uint32_t gen;
};
static struct timer *heap;
static size_t heap_n, heap_cap;

static void timer_add(struct conn *c, uint64_t at)
{
	if (heap_n == heap_cap) {
		heap_cap = heap_cap ? heap_cap * 2 : 1024;
		heap = realloc(heap, heap_cap * sizeof *heap);
	}
	size_t i = heap_n++;
	while (i && heap[(i - 1) / 2].at > at) {
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = (struct timer){ at, c, c->gen };
}

static struct timer timer_pop(void)
{
	struct timer top = heap[0], last = heap[--heap_n];
	size_t i = 0;
	for (size_t k; (k = 2 * i + 1) < heap_n; i = k) {
		if (k + 1 < heap_n && heap[k + 1].at < heap[k].at)
			k++;
		if (heap[k].at >= last.at)
			break;
		heap[i] = heap[k];
	}
	heap[i] = last;
	return top;
}

static void conn_close(struct conn *c)
{
	if (c->busy && st.inflight)
		st.inflight--;
	close(c->fd);
	st.conns--;
	c->gen++;
	buf_free(&c->in);
	buf_free(&c->out);
	uint32_t gen = c->gen;
	memset(c, 0, sizeof *c);
	c->fd = -1;
	c->gen = gen;
	c->next_free = free_list;
	free_list = c;
}

static bool conn_flush(struct conn *c) /* false: closed */
{
	while (c->out_off < c->out.len) {
		ssize_t n =
		    send(c->fd, c->out.p + c->out_off, c->out.len - c->out_off, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno == EAGAIN)
				break;
			if (errno == EINTR)
				continue;
			conn_close(c);
			return false;
		}
		c->out_off += (size_t)n;
	}
	bool want = c->out_off < c->out.len;
	if (!want)
		c->out.len = c->out_off = 0;
	if (want != c->want_out) {
		struct epoll_event ev = { .events = EPOLLIN | (want ? EPOLLOUT : 0),
			.data.ptr = c };
		epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
		c->want_out = want;
	}
	if (!want && c->closing && !c->busy) {
		conn_close(c);
		return false;
	}
	return true;
}

static void respond(struct conn *c, const char *status, const char *body, size_t n)
{
	buf_printf(&c->out,
	    "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status,
	    n);
	buf_add(&c->out, body, n);
}

static void chunk(struct buf *o, const struct buf *b)
{
	buf_printf(o, "%zx\r\n", b->len);
	buf_add(o, b->p, b->len);
	buf_add(o, "\r\n", 2);
}

static struct buf scratch;

/* One SSE event (name may be NULL) as one HTTP chunk. */
__attribute__((format(printf, 3, 4))) static void sse(
    struct conn *c, const char *name, const char *fmt, ...)
{
	char data[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(data, sizeof data, fmt, ap);
	va_end(ap);
	scratch.len = 0;
	if (name)
		buf_printf(&scratch, "event: %s\n", name);
	buf_printf(&scratch, "data: %s\n\n", data);
	chunk(&c->out, &scratch);
}

static void stream_open(struct conn *c)
{
	buf_printf(&c->out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
			    "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
	if (c->proto == P_ANTHROPIC)
		sse(c, "message_start",
		    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_%lu\",\"type\":"
		    "\"message\","
		    "\"role\":\"assistant\",\"model\":\"mock\",\"content\":[],\"stop_reason\":null,"
		    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}",
		    c->serial);
}

#define OAI_CHUNK                                                                                  \
	"{\"id\":\"chatcmpl-%lu\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"    \
	"\"model\":\"mock\",\"choices\":[{\"index\":0,\"delta\":"

static void stream_token(struct conn *c, int i)
{
	if (c->proto == P_OPENAI) {
		sse(c, NULL, OAI_CHUNK "{%s\"content\":\"%s\"},\"finish_reason\":null}]}",
		    c->serial, i ? "" : "\"role\":\"assistant\",", tokens[i]);
		return;
	}
	if (i == 0)
		sse(c, "content_block_start",
		    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
		    "{\"type\":\"text\",\"text\":\"\"}}");
	sse(c, "content_block_delta",
	    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	    "{\"type\":\"text_delta\",\"text\":\"%s\"}}",
	    tokens[i]);
	if (i == N_TOKENS - 1)
		sse(c, "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}");
}

static void stream_tools(struct conn *c)
{
	for (int i = 0; i < N_TOOLS; i++) {
		if (c->proto == P_OPENAI) {
			sse(c, NULL,
			    OAI_CHUNK
			    "{%s\"tool_calls\":[{\"index\":%d,\"id\":\"call_%lu_%d\",\"type\":"
			    "\"function\",\"function\":{\"name\":\"%s\",\"arguments\":"
			    "\"{\\\"order_id\\\":\\\"A-1042\\\"}\"}}]},\"finish_reason\":null}]}",
			    c->serial, i ? "" : "\"role\":\"assistant\",", i, c->serial, i,
			    tool_names[i]);
			continue;
		}
		sse(c, "content_block_start",
		    "{\"type\":\"content_block_start\",\"index\":%d,\"content_block\":{\"type\":"
		    "\"tool_use\",\"id\":\"toolu_%lu_%d\",\"name\":\"%s\",\"input\":{}}}",
		    i, c->serial, i, tool_names[i]);
		sse(c, "content_block_delta",
		    "{\"type\":\"content_block_delta\",\"index\":%d,\"delta\":{\"type\":"
		    "\"input_json_delta\",\"partial_json\":\"{\\\"order_id\\\":\\\"A-1042\\\"}\"}}",
		    i);
		sse(c, "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":%d}", i);
	}
}

static void stream_close(struct conn *c)
{
	if (c->proto == P_OPENAI) {
		sse(c, NULL, OAI_CHUNK "{},\"finish_reason\":\"%s\"}]}", c->serial,
		    c->rq.final ? "stop" : "tool_calls");
		if (c->rq.include_usage)
			sse(c, NULL,
			    "{\"id\":\"chatcmpl-%lu\",\"object\":\"chat.completion.chunk\","
			    "\"created\":"
			    "1700000000,\"model\":\"mock\",\"choices\":[],\"usage\":{\"prompt_"
			    "tokens\":100,"
			    "\"completion_tokens\":60,\"total_tokens\":160}}",
			    c->serial);
		sse(c, NULL, "[DONE]");
	} else {
		sse(c, "message_delta",
		    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\",\"stop_"
		    "sequence\":"
		    "null},\"usage\":{\"output_tokens\":60}}",
		    c->rq.final ? "end_turn" : "tool_use");
		sse(c, "message_stop", "{\"type\":\"message_stop\"}");
	}
	buf_add(&c->out, "0\r\n\r\n", 5);
}

static void respond_json(struct conn *c)
{
	struct buf *b = &scratch;
	b->len = 0;
	if (c->proto == P_OPENAI) {
		buf_printf(b,
		    "{\"id\":\"chatcmpl-%lu\",\"object\":\"chat.completion\",\"created\":"
		    "1700000000,"
		    "\"model\":\"mock\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
		    "\"assistant\",\"content\":",
		    c->serial);
		if (c->rq.final)
			buf_printf(b, "\"%s\"},\"finish_reason\":\"stop\"}]", reply);
		else {
			buf_printf(b, "null,\"tool_calls\":[");
			for (int i = 0; i < N_TOOLS; i++)
				buf_printf(b,
				    "%s{\"id\":\"call_%lu_%d\",\"type\":\"function\",\"function\":{"
				    "\"name\":"
				    "\"%s\",\"arguments\":\"{\\\"order_id\\\":\\\"A-1042\\\"}\"}}",
				    i ? "," : "", c->serial, i, tool_names[i]);
			buf_printf(b, "]},\"finish_reason\":\"tool_calls\"}]");
		}
		buf_printf(b, ",\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":60,"
			      "\"total_tokens\":160}}");
	} else {
		buf_printf(b,
		    "{\"id\":\"msg_%lu\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
		    "\"mock\",\"content\":[",
		    c->serial);
		if (c->rq.final)
			buf_printf(b, "{\"type\":\"text\",\"text\":\"%s\"}", reply);
		else
			for (int i = 0; i < N_TOOLS; i++)
				buf_printf(b,
				    "%s{\"type\":\"tool_use\",\"id\":\"toolu_%lu_%d\",\"name\":\"%"
				    "s\","
				    "\"input\":{\"order_id\":\"A-1042\"}}",
				    i ? "," : "", c->serial, i, tool_names[i]);
		buf_printf(b,
		    "],\"stop_reason\":\"%s\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":"
		    "100,\"output_tokens\":60}}",
		    c->rq.final ? "end_turn" : "tool_use");
	}
	respond(c, "200 OK", b->p, b->len);
}

static void respond_tool(struct conn *c)
{
	static const char *const body[N_TOOLS] = {
		"{\"order_id\":\"A-1042\",\"status\":\"delivered\",\"total\":89.90,\"currency\":"
		"\"EUR\","
		"\"placed_at\":\"2026-05-02\",\"items\":[{\"sku\":\"KB-77\",\"qty\":1}]}",
		"{\"eligible\":true,\"window_days\":30,\"days_since_delivery\":12,"
		"\"max_amount\":89.90,\"reason\":\"within refund window\"}",
		"{\"cancellable\":false,\"reason\":\"already delivered\",\"fee\":0,"
		"\"alternative\":\"return\"}"
	};
	respond(c, "200 OK", body[c->tool], strlen(body[c->tool]));
}

static void consume_request(struct conn *c)
{
	size_t used = c->body_at + c->need;
	memmove(c->in.p, c->in.p + used, c->in.len - used);
	c->in.len -= used;
	c->body_at = c->need = 0;
	c->sent_continue = false;
}

static void finish(struct conn *c)
{
	c->busy = false;
	st.inflight--;
}

/* Called when a delay ran out: produces the next piece of the answer. */
static void advance(struct conn *c, uint64_t now)
{
	if (c->proto == P_TOOL) {
		respond_tool(c);
		finish(c);
	} else if (!c->rq.stream) {
		respond_json(c);
		finish(c);
	} else if (!c->rq.final) {
		stream_open(c);
		stream_tools(c);
		stream_close(c);
		finish(c);
	} else {
		if (c->next_token < 0) {
			stream_open(c);
			c->next_token = 0;
		}
		do
			stream_token(c, c->next_token++);
		while (cfg.tok_ms <= 0 && c->next_token < N_TOKENS);
		if (c->next_token < N_TOKENS)
			timer_add(c, now + (uint64_t)(cfg.tok_ms * 1e6));
		else {
			stream_close(c);
			finish(c);
		}
	}
}

static double query_num(const char *target, size_t n, const char *name, double dflt)
{
	const char *p = memmem(target, n, name, strlen(name));
	return p ? atof(p + strlen(name)) : dflt;
}

static void stats_body(struct buf *b)
{
	b->len = 0;
	buf_printf(b,
	    "{\"llm\":%lu,\"llm_tools\":%lu,\"llm_final\":%lu,\"tool\":%lu,\"bad\":%lu,"
	    "\"streamed\":%lu,\"no_system\":%lu,\"accepted\":%lu,\"conns\":%lu,"
	    "\"max_conns\":%lu,\"inflight\":%lu,\"max_inflight\":%lu,\"body_bytes\":%lu,"
	    "\"ttft_ms\":%g,\"tok_ms\":%g,\"tool_ms\":%g}",
	    st.llm, st.llm_tools, st.llm_final, st.tool, st.bad, st.streamed, st.no_system,
	    st.accepted, st.conns, st.max_conns, st.inflight, st.max_inflight, st.body_bytes,
	    cfg.ttft_ms, cfg.tok_ms, cfg.tool_ms);
}

static void handle(struct conn *c, const char *target, size_t tlen, uint64_t now)
{
	const char *body = c->in.p + c->body_at;
	double delay;
	if (tlen >= 2 && target[1] == '_') {
		if (!strncmp(target, "/_config", 8)) {
			cfg.ttft_ms = query_num(target, tlen, "ttft_ms=", cfg.ttft_ms);
			cfg.tok_ms = query_num(target, tlen, "tok_ms=", cfg.tok_ms);
			cfg.tool_ms = query_num(target, tlen, "tool_ms=", cfg.tool_ms);
		} else if (!strncmp(target, "/_reset", 7)) {
			uint64_t conns = st.conns, inflight = st.inflight;
			memset(&st, 0, sizeof st);
			st.conns = st.max_conns = conns;
			st.inflight = st.max_inflight = inflight;
		}
		stats_body(&scratch);
		respond(c, "200 OK", scratch.p, scratch.len);
		consume_request(c);
		return;
	}
	if (tlen >= 17 && !memcmp(target, "/v1/conversations", 17)) { /* "null" system */
		scratch.len = 0;
		if (tlen == 17)
			buf_printf(&scratch, "{\"id\":\"null\"}");
		else
			buf_printf(&scratch, "{\"reply\":\"%s\"}", reply);
		respond(c, "200 OK", scratch.p, scratch.len);
		consume_request(c);
		return;
	}
	if (!strncmp(target, "/tools/", 7)) {
		c->proto = P_TOOL;
		c->tool = -1;
		for (int i = 0; i < N_TOOLS; i++)
			if (tlen - 7 == strlen(tool_names[i]) &&
			    !memcmp(target + 7, tool_names[i], tlen - 7))
				c->tool = i;
		if (c->tool < 0)
			goto not_found;
		st.tool++;
		delay = cfg.tool_ms;
	} else if ((tlen == 20 && !memcmp(target, "/v1/chat/completions", 20)) ||
		   (tlen == 12 && !memcmp(target, "/v1/messages", 12))) {
		c->proto = tlen == 20 ? P_OPENAI : P_ANTHROPIC;
		c->rq = parse_request(body, c->need, c->proto == P_OPENAI);
		st.llm++;
		st.body_bytes += c->need;
		if (c->rq.error) {
			char err[256];
			int n = snprintf(err, sizeof err,
			    "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
			    "\"message\":\"%s\"}}",
			    c->rq.error);
			st.bad++;
			respond(c, "400 Bad Request", err, (size_t)n);
			consume_request(c);
			return;
		}
		c->rq.final ? st.llm_final++ : st.llm_tools++;
		st.streamed += c->rq.stream;
		st.no_system += !c->rq.system;
		delay = cfg.ttft_ms;
		if (!c->rq.stream && c->rq.final)
			delay += cfg.tok_ms * (N_TOKENS - 1);
	} else {
	not_found:
		respond(c, "404 Not Found", "{}", 2);
		consume_request(c);
		return;
	}
	c->serial = ++serial;
	c->next_token = -1;
	c->busy = true;
	if (++st.inflight > st.max_inflight)
		st.max_inflight = st.inflight;
	consume_request(c);
	if (delay > 0)
		timer_add(c, now + (uint64_t)(delay * 1e6));
	else
		advance(c, now);
}

/* Serves complete requests in the input buffer, one at a time. */
static bool conn_serve(struct conn *c)
{
	while (!c->busy && c->in.len) {
		if (!c->body_at) {
			char *h = memmem(c->in.p, c->in.len, "\r\n\r\n", 4);
			if (!h)
				break;
			c->body_at = (size_t)(h - c->in.p) + 4;
			const char *cl = header_value(c->in.p, c->body_at, "content-length");
			c->need = cl ? strtoul(cl, NULL, 10) : 0;
			const char *cn = header_value(c->in.p, c->body_at, "connection");
			if (cn && !strncasecmp(cn, "close", 5))
				c->closing = true;
			if (header_value(c->in.p, c->body_at, "transfer-encoding")) {
				respond(c, "411 Length Required", "{}", 2);
				c->closing = true;
				c->in.len = 0;
				return conn_flush(c);
			}
		}
		if (c->in.len < c->body_at + c->need) {
			if (!c->sent_continue && header_value(c->in.p, c->body_at, "expect")) {
				buf_add(&c->out, "HTTP/1.1 100 Continue\r\n\r\n", 25);
				c->sent_continue = true;
				if (!conn_flush(c))
					return false;
			}
			break;
		}
		char *t = memchr(c->in.p, ' ', c->body_at);
		char *te = t ? memchr(t + 1, ' ', c->body_at - (size_t)(t + 1 - c->in.p)) : NULL;
		if (!te) {
			conn_close(c);
			return false;
		}
		handle(c, t + 1, (size_t)(te - t - 1), now_ns());
	}
	return conn_flush(c);
}

static void conn_read(struct conn *c)
{
	for (;;) {
		buf_reserve(&c->in, c->need > c->in.len ? c->need - c->in.len + 4096 : 8192);
		size_t room = c->in.cap - c->in.len - 1;
		ssize_t n = recv(c->fd, c->in.p + c->in.len, room, 0);
		if (n > 0) {
			c->in.len += (size_t)n;
			if ((size_t)n < room)
				break;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && errno == EAGAIN) {
			break;
		} else {
			conn_close(c);
			return;
		}
	}
	conn_serve(c);
}

static void make_reply(void)
{
	static const char text[] =
	    "Thanks for your patience , I looked into this for you . Your order "
	    "A-1042 was delivered twelve days ago , so it is inside the thirty day "
	    "refund window and you are eligible for a refund of 89.90 EUR . It can "
	    "no longer be cancelled because it has already been delivered . Start "
	    "the return now ? END-OF-REPLY";
	static char copy[sizeof text];
	memcpy(copy, text, sizeof text);
	int n = 0;
	for (char *w = strtok(copy, " "); w && n < N_TOKENS; w = strtok(NULL, " ")) {
		if (asprintf(&tokens[n], "%s%s", n ? " " : "", w) < 0)
			exit(1);
		strcat(reply, tokens[n++]);
	}
	if (n != N_TOKENS) {
		fprintf(stderr, "reply has %d tokens, not %d\n", n, N_TOKENS);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int port = 21300;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--port"))
			port = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--ttft-ms"))
			cfg.ttft_ms = atof(argv[i + 1]);
		else if (!strcmp(argv[i], "--tok-ms"))
			cfg.tok_ms = atof(argv[i + 1]);
		else if (!strcmp(argv[i], "--tool-ms"))
			cfg.tool_ms = atof(argv[i + 1]);
		else {
			fprintf(stderr, "unknown option %s\n", argv[i]);
			return 2;
		}
	}
	make_reply();
	int one = 1, ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(ls, (void *)&a, sizeof a) || listen(ls, 4096)) {
		perror("mockllm: bind");
		return 1;
	}
	ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL }, evs[256];
	epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev);
	for (;;) {
		struct timespec ts = { 0 };
		if (heap_n) {
			uint64_t now = now_ns(), wait = heap[0].at > now ? heap[0].at - now : 0;
			ts.tv_sec = (time_t)(wait / 1000000000ull);
			ts.tv_nsec = (long)(wait % 1000000000ull);
		}
		int n = epoll_pwait2(ep, evs, 256, heap_n ? &ts : NULL, NULL);
		for (int i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;
			if (!c) {
				for (int fd; (fd = accept4(ls, NULL, NULL,
						  SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
					setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
					c = free_list;
					if (c)
						free_list = c->next_free;
					else if (!(c = calloc(1, sizeof *c)))
						return 1;
					c->fd = fd;
					st.accepted++;
					if (++st.conns > st.max_conns)
						st.max_conns = st.conns;
					ev = (struct epoll_event){ .events = EPOLLIN,
						.data.ptr = c };
					epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
				}
				continue;
			}
			if (c->fd < 0)
				continue;
			uint32_t gen = c->gen;
			if (evs[i].events & EPOLLOUT)
				if (!conn_flush(c))
					continue;
			if (evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && c->gen == gen)
				conn_read(c);
		}
		for (uint64_t now = now_ns(); heap_n && heap[0].at <= now;) {
			struct timer t = timer_pop();
			if (t.c->gen != t.gen || !t.c->busy)
				continue;
			advance(t.c, now);
			conn_serve(t.c);
		}
	}
}
