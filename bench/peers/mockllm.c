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
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
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

/* Connections. */

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
	if (!give(c->fd, &c->out, &c->out_off)) {
		conn_close(c);
		return false;
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

static void write_openai(const struct conn *c, struct buf *b)
{
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
}

static void write_anthropic(const struct conn *c, struct buf *b)
{
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

static void respond_json(struct conn *c)
{
	scratch.len = 0;
	if (c->proto == P_OPENAI)
		write_openai(c, &scratch);
	else
		write_anthropic(c, &scratch);
	respond(c, "200 OK", scratch.p, scratch.len);
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

static bool is(const char *target, size_t n, const char *path)
{
	return n == strlen(path) && !memcmp(target, path, n);
}

static bool begins(const char *target, size_t n, const char *path)
{
	return n >= strlen(path) && !memcmp(target, path, strlen(path));
}

static void reset_stats(void)
{
	uint64_t conns = st.conns, inflight = st.inflight;
	memset(&st, 0, sizeof st);
	st.conns = st.max_conns = conns;
	st.inflight = st.max_inflight = inflight;
}

/* /_config, /_reset, /_stats: each answers with the figures. */
static void handle_control(struct conn *c, const char *target, size_t n)
{
	if (begins(target, n, "/_config")) {
		cfg.ttft_ms = query_num(target, n, "ttft_ms=", cfg.ttft_ms);
		cfg.tok_ms = query_num(target, n, "tok_ms=", cfg.tok_ms);
		cfg.tool_ms = query_num(target, n, "tool_ms=", cfg.tool_ms);
	} else if (begins(target, n, "/_reset")) {
		reset_stats();
	}
	stats_body(&scratch);
	respond(c, "200 OK", scratch.p, scratch.len);
}

/* The system that does nothing: what the client by itself can reach. */
static void handle_null(struct conn *c, bool create)
{
	scratch.len = 0;
	if (create)
		buf_printf(&scratch, "{\"id\":\"null\"}");
	else
		buf_printf(&scratch, "{\"reply\":\"%s\"}", reply);
	respond(c, "200 OK", scratch.p, scratch.len);
}

static void refuse(struct conn *c, const char *why)
{
	scratch.len = 0;
	buf_printf(&scratch,
	    "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
	    "\"message\":\"%s\"}}",
	    why);
	st.bad++;
	respond(c, "400 Bad Request", scratch.p, scratch.len);
}

/* How long the answer takes to begin, in ms; below 0: it was given already. */
static double handle_tool(struct conn *c, const char *name, size_t n)
{
	c->proto = P_TOOL;
	for (c->tool = 0; c->tool < N_TOOLS; c->tool++)
		if (is(name, n, tool_names[c->tool])) {
			st.tool++;
			return cfg.tool_ms;
		}
	respond(c, "404 Not Found", "{}", 2);
	return -1;
}

static double handle_model(struct conn *c, enum proto proto)
{
	c->proto = proto;
	c->rq = parse_request(c->in.p + c->body_at, c->need, proto == P_OPENAI);
	st.llm++;
	st.body_bytes += c->need;
	if (c->rq.error) {
		refuse(c, c->rq.error);
		return -1;
	}
	c->rq.final ? st.llm_final++ : st.llm_tools++;
	st.streamed += c->rq.stream;
	st.no_system += !c->rq.system;
	return cfg.ttft_ms + (c->rq.final && !c->rq.stream ? cfg.tok_ms * (N_TOKENS - 1) : 0);
}

static double handle_path(struct conn *c, const char *target, size_t n)
{
	if (begins(target, n, "/_"))
		handle_control(c, target, n);
	else if (begins(target, n, "/v1/conversations"))
		handle_null(c, is(target, n, "/v1/conversations"));
	else if (begins(target, n, "/tools/"))
		return handle_tool(c, target + 7, n - 7);
	else if (is(target, n, "/v1/chat/completions"))
		return handle_model(c, P_OPENAI);
	else if (is(target, n, "/v1/messages"))
		return handle_model(c, P_ANTHROPIC);
	else
		respond(c, "404 Not Found", "{}", 2);
	return -1;
}

static void handle(struct conn *c, const char *target, size_t n, uint64_t now)
{
	double delay = handle_path(c, target, n);
	consume_request(c);
	if (delay < 0)
		return;
	c->serial = ++serial;
	c->next_token = -1;
	c->busy = true;
	if (++st.inflight > st.max_inflight)
		st.max_inflight = st.inflight;
	if (delay > 0)
		timer_add(c, now + (uint64_t)(delay * 1e6));
	else
		advance(c, now);
}

/* Reads the head, once it is there.  false: what is on its way cannot be served. */
static bool read_head(struct conn *c)
{
	char *h = memmem(c->in.p, c->in.len, "\r\n\r\n", 4);
	if (!h)
		return true;
	c->body_at = (size_t)(h - c->in.p) + 4;
	const char *cl = header_value(c->in.p, c->body_at, "content-length");
	c->need = cl ? strtoul(cl, NULL, 10) : 0;
	const char *cn = header_value(c->in.p, c->body_at, "connection");
	if (cn && !strncasecmp(cn, "close", 5))
		c->closing = true;
	if (!header_value(c->in.p, c->body_at, "transfer-encoding"))
		return true;
	respond(c, "411 Length Required", "{}", 2);
	c->closing = true;
	c->in.len = 0;
	return false;
}

static void say_continue(struct conn *c)
{
	if (c->sent_continue || !header_value(c->in.p, c->body_at, "expect"))
		return;
	buf_add(&c->out, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	c->sent_continue = true;
}

/* Serves complete requests in the input buffer, one at a time. */
static bool conn_serve(struct conn *c)
{
	while (!c->busy && c->in.len) {
		if ((!c->body_at && !read_head(c)) || !c->body_at)
			break;
		if (c->in.len < c->body_at + c->need) {
			say_continue(c);
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
	if (c->need > c->in.len)
		buf_reserve(&c->in, c->need - c->in.len + 4096);
	if (take(c->fd, &c->in))
		conn_serve(c);
	else
		conn_close(c);
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

static bool read_options(int argc, char **argv, int *port)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		const char *a = argv[i], *v = argv[i + 1];
		if (!strcmp(a, "--port"))
			*port = atoi(v);
		else if (!strcmp(a, "--ttft-ms"))
			cfg.ttft_ms = atof(v);
		else if (!strcmp(a, "--tok-ms"))
			cfg.tok_ms = atof(v);
		else if (!strcmp(a, "--tool-ms"))
			cfg.tool_ms = atof(v);
		else {
			fprintf(stderr, "mockllm: unknown option %s\n", a);
			return false;
		}
	}
	return true;
}

static void accept_conns(int listener)
{
	for (int fd; (fd = accept_from(listener)) >= 0;) {
		struct conn *c = free_list;
		if (c)
			free_list = c->next_free;
		else if (!(c = calloc(1, sizeof *c)))
			die_of("accepting");
		c->fd = fd;
		st.accepted++;
		if (++st.conns > st.max_conns)
			st.max_conns = st.conns;
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	}
}

static void on_event(struct conn *c, uint32_t events)
{
	uint32_t gen = c->gen; /* another one: closed, and perhaps somebody else's already */
	if (c->fd < 0 || (events & EPOLLOUT && !conn_flush(c)))
		return;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && c->gen == gen)
		conn_read(c);
}

static void run_timers(void)
{
	for (uint64_t now = now_ns(); heap_n && heap[0].at <= now;) {
		struct timer t = timer_pop();
		if (t.c->gen != t.gen || !t.c->busy)
			continue;
		advance(t.c, now);
		conn_serve(t.c);
	}
}

/* NULL: until something happens. */
static struct timespec *until_timer(struct timespec *ts)
{
	if (!heap_n)
		return NULL;
	uint64_t now = now_ns(), wait = heap[0].at > now ? heap[0].at - now : 0;
	*ts = (struct timespec){ (time_t)(wait / 1000000000ull), (long)(wait % 1000000000ull) };
	return ts;
}

int main(int argc, char **argv)
{
	int port = 21300;
	if (!read_options(argc, argv, &port))
		return 2;
	make_reply();
	int listener = listen_on(port, false);
	ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event listening = { .events = EPOLLIN },
			   all[256]; /* data.ptr NULL: that one */
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &listening);
	for (;;) {
		struct timespec ts;
		int n = epoll_pwait2(ep, all, 256, until_timer(&ts), NULL);
		for (int i = 0; i < n; i++)
			if (all[i].data.ptr)
				on_event(all[i].data.ptr, all[i].events);
			else
				accept_conns(listener);
		run_timers();
	}
}
