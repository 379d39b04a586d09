#include "net/sse.h"

#include "base/json.h"
#include "base/text.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

/* Event streams: each of these is cut into pieces of every length up to its own, long ones of
 * doubling lengths. */

#define CASES "../shared/data/hostile/own/sse_cases.json"
#define MAX   (2u << 20)

struct got {
	struct buf text; /* "name=data;" of each event */
	int n;
};

static void on_event(void *self, const char *name, const char *data, size_t n)
{
	struct got *g = self;

	assert_int_equal(data[n], 0);
	buf_printf(&g->text, "%s=", name);
	buf_add(&g->text, data, n);
	buf_adds(&g->text, ";");
	g->n++;
}

/* Returns sse_end(). */
static bool feed(struct got *g, const char *bytes, size_t n, size_t chunk)
{
	struct sse s;
	struct err e;
	bool inside;

	*g = (struct got){ 0 };
	sse_init(&s, MAX, on_event, g);
	for (size_t at = 0; at < n; at += chunk) {
		size_t some = chunk < n - at ? chunk : n - at;
		char *piece = malloc(some);

		memcpy(piece, bytes + at, some);
		assert_int_equal(sse_feed(&s, piece, some, &e), 0);
		free(piece);
	}
	inside = sse_end(&s);
	sse_done(&s);
	return inside;
}

static void check_bytes(const char *bytes, size_t n, const char *events, size_t len, bool inside)
{
	struct got g;

	for (size_t chunk = 1; chunk <= n; chunk += n > 1000 ? chunk : 1) {
		CHECK_INT(feed(&g, bytes, n, chunk), inside);
		CHECK_INT(g.text.len, len);
		CHECK(memcmp(buf_str(&g.text), events, len) == 0);
		buf_done(&g.text);
	}
}

static void check_events(const char *bytes, const char *events)
{
	check_bytes(bytes, strlen(bytes), events, strlen(events), false);
}

static void lines_end_in_lf_cr_or_both(void **state)
{
	(void)state;
	check_events("data: a\n\ndata: b\n\n", "=a;=b;");
	check_events("data: a\r\n\r\ndata: b\r\n\r\n", "=a;=b;");
	check_events("data: a\r\rdata: b\r\r", "=a;=b;");
	check_events("data: a\rdata: b\ndata: c\r\n\ndata: d\n\r\n", "=a\nb\nc;=d;");
	check_events("\n\r\n\r\rdata: a\n\n", "=a;");
}

static void fields_are_read_as_the_standard_says(void **state)
{
	(void)state;
	check_events("data:a\n\n", "=a;");
	check_events("data:  a\n\n", "= a;");
	check_events("data: a:b: c\n\n", "=a:b: c;");
	check_events("data\n\n", "=;");
	check_events("data\ndata\n\n", "=\n;");
	check_events("data:\n\n", "=;");
	check_events("event: e\ndata: a\n\ndata: b\n\n", "e=a;=b;");
	check_events("event: e\nevent: f\ndata: a\n\n", "f=a;");
	check_events("event: e\n\ndata: a\n\n", "=a;");
	check_events("Data: a\n data: b\ndata : c\nfoo: d\nid: 7\nretry: 5\ndata: e\n\n", "=e;");
}

static void comments_and_a_bom_say_nothing(void **state)
{
	(void)state;
	check_events(": OPENROUTER PROCESSING\n\n:\n:data: x\ndata: a\n:y\n\n", "=a;");
	check_events("\xEF\xBB\xBF"
		     "data: a\n\n\xEF\xBB\xBF"
		     "data: b\n\n",
	    "=a;");
	check_events("\xEF\xBB\xBF\ndata: a\n\n", "=a;");
}

static void the_last_event_may_lack_its_blank_line(void **state)
{
	(void)state;
	check_bytes("data: a\n\ndata: b\n", 17, "=a;=b;", 6, true);
	check_bytes("data: a\n\ndata: b", 16, "=a;=b;", 6, true);
	check_bytes("data: a\n\ndata: b\r", 17, "=a;=b;", 6, true);
	check_bytes("event: e", 8, "", 0, false);
	check_bytes("data: a\n\n: c", 12, "=a;", 3, false);
	check_bytes("data: a\n\n", 9, "=a;", 3, false);
}

static void nul_is_a_byte_like_any_other(void **state)
{
	(void)state;
	check_bytes("data: a\0b\n\n", 11, "=a\0b;", 5, false);
}

static struct sse limited(struct got *g)
{
	struct sse s;

	*g = (struct got){ 0 };
	sse_init(&s, 100, on_event, g);
	return s;
}

/* 0: taken.  The same whether it comes at once or in pieces. */
static int feed_limited(const char *bytes, size_t n, size_t chunk, const char *events)
{
	struct got g;
	struct sse s = limited(&g);
	struct err e = { 0 };
	int result = 0;

	for (size_t at = 0; at < n && result == 0; at += chunk)
		result = sse_feed(&s, bytes + at, chunk < n - at ? chunk : n - at, &e);
	CHECK_INT(e.code, result == 0 ? ERR_NONE : ERR_LIMIT);
	CHECK_STR(buf_str(&g.text), events);
	buf_done(&g.text);
	sse_done(&s);
	return result;
}

static void what_never_ends_is_refused(void **state)
{
	char bytes[400];

	(void)state;
	for (size_t chunk = 1; chunk <= sizeof(bytes); chunk++) {
		memset(bytes, 'x', sizeof(bytes));
		memcpy(bytes, "data: 1\n\n", 9);
		CHECK_INT(feed_limited(bytes, sizeof(bytes), chunk, "=1;"), -1);
		bytes[9 + 100] = '\n'; /* just short enough, and no field */
		CHECK_INT(feed_limited(bytes, 110, chunk, "=1;"), 0);
		bytes[9 + 100] = 'x';
		bytes[9 + 101] = '\n';
		CHECK_INT(feed_limited(bytes, 111, chunk, "=1;"), -1);
	}
}

static void an_event_of_many_lines_is_refused_too(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < 40; i++)
		buf_adds(&b, "data: 12345\n");
	CHECK_INT(feed_limited(b.data, b.len, 7, ""), -1);
	CHECK_INT(feed_limited(b.data, b.len, b.len, ""), -1);
	buf_done(&b);
}

/* A piece without any LF must not be searched for one again at each of its lines. */
static void a_megabyte_of_short_lines_is_quick(void **state)
{
	struct buf b = { 0 };
	struct got g;

	(void)state;
	while (b.len < 8u << 20)
		buf_adds(&b, "data: x\r\r");
	CHECK(!feed(&g, b.data, b.len, b.len));
	CHECK_INT(g.n, b.len / 9);
	buf_done(&g.text);
	buf_done(&b);
}

/* Public cases; of bad UTF-8 the bytes come through here, and the reader above replaces them. */

static size_t unhex(char *out, const char *hex)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char two[] = { hex[2 * i], hex[2 * i + 1], 0 };

		out[i] = (char)strtol(two, NULL, 16);
	}
	return n;
}

static void expected(struct buf *out, const json_t *events)
{
	const json_t *event;
	size_t i;

	json_array_foreach (events, i, event) {
		const json_t *data = json_object_get(event, "data");
		const char *type = json_str(event, "type");

		buf_printf(out, "%s=", text_is(type, "message") ? "" : type);
		buf_add(out, json_string_value(data), json_string_length(data));
		buf_adds(out, ";");
	}
}

static void check_case(const json_t *c)
{
	const char *name = json_str(c, "name"), *hex = json_str(c, "stream_hex");
	char *bytes = malloc(strlen(hex) / 2 + 1);
	size_t n = unhex(bytes, hex);
	bool whole = n >= 2 && strchr("\r\n", bytes[n - 1]);
	struct buf want = { 0 };
	struct got g;

	expected(&want, json_object_get(c, "events"));
	if (whole && text_is_utf8(bytes, n) && !text_is(name, "no final blank line"))
		check_bytes(bytes, n, buf_str(&want), want.len, false);
	else /* it does not hang or break */
		for (size_t chunk = 1; chunk <= n; chunk++) {
			(void)feed(&g, bytes, n, chunk);
			buf_done(&g.text);
		}
	buf_done(&want);
	free(bytes);
}

static void public_cases(void **state)
{
	json_error_t je;
	json_t *cases = json_load_file(CASES, JSON_ALLOW_NUL, &je), *c;
	size_t i;

	(void)state;
	if (!cases) {
		printf("skipped: %s is absent\n", CASES);
		skip();
	}
	json_array_foreach (cases, i, c)
		check_case(c);
	CHECK(json_array_size(cases) > 20);
	json_decref(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_in_lf_cr_or_both),
		cmocka_unit_test(fields_are_read_as_the_standard_says),
		cmocka_unit_test(comments_and_a_bom_say_nothing),
		cmocka_unit_test(the_last_event_may_lack_its_blank_line),
		cmocka_unit_test(nul_is_a_byte_like_any_other),
		cmocka_unit_test(what_never_ends_is_refused),
		cmocka_unit_test(an_event_of_many_lines_is_refused_too),
		cmocka_unit_test(a_megabyte_of_short_lines_is_quick),
		cmocka_unit_test(public_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
