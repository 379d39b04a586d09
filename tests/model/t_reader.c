#include "check.h"
#include "model/reader_span.h"
#include "reading.h"

#include <malloc.h>
#include <stdlib.h>

/* What readers of all dialects have in common: limits, the sink, what they cost. */

static struct arena *mem;

static void dialects_are_found_by_name(void **state)
{
	(void)state;
	CHECK(reader_find("anthropic-messages") == &reader_anthropic);
	CHECK(reader_find("openai-chat") == &reader_openai);
	CHECK(!reader_find("openai-responses"));
	CHECK(!reader_find(NULL));
}

#define SAY(s_) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" s_ "\"}}]}\n\n"

static void the_sink_may_have_enough(void **state)
{
	struct hearing h = { .enough = 2 };
	const char body[] = SAY("a") SAY("b") SAY("c") "data: [DONE]\n\n";
	struct reading r;

	(void)state;
	for (size_t chunk = 1; chunk <= sizeof(body); chunk++) {
		struct err e = { 0 };

		CHECK_ERR(read_body(mem, &reader_openai, 200, body, strlen(body),
			      (struct cuts){ chunk, 0 }, &h, &r, &e),
		    &e, ERR_CANCELED);
		CHECK_STR(h.text.data, "ab");
		CHECK_INT(r.outcome, READING_TRUNCATED);
		buf_done(&h.text);
		h = (struct hearing){ .enough = 2 };
	}
}

static void text_of_a_document_is_in_the_reading(void **state)
{
	struct hearing h = { 0 };
	struct reading r = reading_of(
	    mem, &reader_openai, 200, "{\"choices\":[{\"message\":{\"content\":\"a\"}}]}", &h);

	(void)state;
	CHECK_STR(r.text, "a");
	CHECK_INT(h.pieces, 0);
}

static void a_complete_message_needs_no_more_bytes(void **state)
{
	struct reader *r = reader_open(&reader_openai, 200, NULL);
	struct reading out;
	struct err e;

	(void)state;
	CHECK_OK(reader_feed(r, SAY("a"), strlen(SAY("a")), &e), &e);
	CHECK(!reader_complete(r));
	CHECK_OK(reader_feed(r, "data: [DONE]\n\n", 14, &e), &e);
	CHECK(reader_complete(r));
	CHECK_OK(reader_feed(r, "data: {broken\n\n", 15, &e), &e);
	reader_end(r, mem, &out);
	CHECK_INT(out.outcome, READING_MESSAGE);
	reader_free(r);
}

static struct buf filled(const char *before, size_t n, const char *behind)
{
	struct buf b = { 0 };
	char *x = malloc(n);

	memset(x, 'x', n);
	buf_adds(&b, before);
	buf_add(&b, x, n);
	buf_adds(&b, behind);
	free(x);
	return b;
}

static void check_too_much(const struct reader_dialect *d, struct buf body)
{
	static const size_t chunks[] = { 0, 4096, 65536 };
	struct reading r;

	for (size_t i = 0; i < 3; i++) {
		struct err e = { 0 };

		CHECK_ERR(read_body(mem, d, 200, body.data, body.len,
			      (struct cuts){ .chunk = chunks[i] }, NULL, &r, &e),
		    &e, ERR_LIMIT);
		CHECK_HAS(e.msg, i ? "16" : "");
		CHECK_INT(r.outcome, READING_TRUNCATED);
		CHECK(!r.run);
	}
	buf_done(&body);
}

static void what_is_longer_than_16_mib_is_refused(void **state)
{
	(void)state;
	check_too_much(&reader_openai, filled("data: ", 24u << 20, ""));
	check_too_much(&reader_openai, filled("data: ", 24u << 20, "\n\n"));
	check_too_much(&reader_anthropic, filled("{\"id\":\"", 24u << 20, "\"}"));
	check_too_much(&reader_anthropic, filled("<html>", 24u << 20, "</html>"));
}

/* Small events without end: what is kept of them is bounded too. */
static void an_answer_without_end_is_refused(void **state)
{
	struct buf event =
	    filled("data: {\"choices\":[{\"delta\":{\"content\":\"", 60000, "\"}}]}\n\n");
	struct reader *r = reader_open(&reader_openai, 200, NULL);
	struct err e = { 0 };
	int n = 0;

	(void)state;
	while (n < 1000 && reader_feed(r, event.data, event.len, &e) == 0)
		n++;
	CHECK_INT(e.code, ERR_LIMIT);
	CHECK(n > 250 && n < 300);
	CHECK(reader_feed(r, event.data, event.len, &e) != 0);
	reader_free(r);
	buf_done(&event);
}

static void calls_without_end_are_refused(void **state)
{
	struct reader *r = reader_open(&reader_openai, 200, NULL);
	struct err e = { 0 };
	int n = 0;

	(void)state;
	for (; n < 2000; n++) {
		char *event = arena_printf(mem,
		    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,"
		    "\"function\":{\"name\":\"f\"}}]}}]}\n\n",
		    n);

		if (reader_feed(r, event, strlen(event), &e) != 0)
			break;
	}
	CHECK_INT(n, 1000);
	CHECK_INT(e.code, ERR_LIMIT);
	reader_free(r);
}

/* 24 MB of which little is kept. */
static void a_long_stream_of_small_pieces_is_read(void **state)
{
	struct buf event =
	    filled("data: {\"choices\":[{\"delta\":{\"content\":\"ab\"}}],\"obfuscation\":\"", 400,
		"\"}\n\n");
	struct reader *r = reader_open(&reader_openai, 200, NULL);
	struct reading out;
	struct err e;
	size_t n = 0;

	(void)state;
	for (size_t fed = 0; fed < 24u << 20; fed += event.len, n++)
		CHECK_OK(reader_feed(r, event.data, event.len, &e), &e);
	CHECK_OK(reader_feed(r, "data: [DONE]\n\n", 14, &e), &e);
	reader_end(r, mem, &out);
	CHECK_INT(out.outcome, READING_MESSAGE);
	CHECK_INT(strlen(out.text), 2 * n);
	reader_free(r);
	buf_done(&event);
}

static void one_in_flight_is_small(void **state)
{
	struct reader *a = reader_open(&reader_anthropic, 200, NULL);
	struct reader *o = reader_open(&reader_openai, 200, NULL);

	(void)state;
	CHECK(malloc_usable_size(a) < 1024);
	CHECK(malloc_usable_size(o) < 1024);
	reader_free(a);
	reader_free(o);
	reader_free(NULL);
}

/* Spans. */

static enum span_state state_of(const char *s)
{
	struct span v;

	return span_check(s, strlen(s), &v);
}

static void json_is_told_from_what_is_cut_and_what_is_none(void **state)
{
	static const char *const whole[] = { "{}", "[]",
		" {\"a\":[1,-0.5e+3,true,false,null,\"\\u00e9\\n\"]} ", "0", "-12", "\"\"", "null",
		"1E5" };
	static const char *const bad[] = { "{a}", "{\"a\":1,}", "[1,]", "[1 2]", "01", "1.x", "+1",
		".5", "tru ", "\"\\x\"", "\"\\u12G4\"", "\"\n\"", "{} {}", "{\"a\" 1}", "nul]", "<",
		"'a'", "[}", "{]", "-a" };
	static const char *const cut[] = { "", " ", "{", "{\"", "{\"a", "{\"a\"",
		"{\"a\":", "{\"a\":1", "{\"a\":1,", "[", "[1", "[1,", "\"\\", "\"\\u12", "tr", "-",
		"1.", "1e", "1e+" };

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		CHECK_INT(state_of(whole[i]), SPAN_WHOLE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(state_of(bad[i]), SPAN_BAD);
	for (size_t i = 0; i < sizeof(cut) / sizeof(*cut); i++)
		CHECK_INT(state_of(cut[i]), SPAN_CUT);
}

static void members_are_found(void **state)
{
	static const char json[] =
	    "{ \"a\" : 1, \"b\": {\"a\":2, \"x\":\"}\\\"]\"} ,\"\\u0063\":[ [1] ,\"z\"],\"a\":3}";
	struct span doc, item, key;
	size_t at = 0;
	int n = 0;

	(void)state;
	CHECK_INT(span_check(json, strlen(json), &doc), SPAN_WHOLE);
	CHECK_INT(span_int(span_member(doc, "a"), 0), 3);
	CHECK_INT(span_int(span_member(span_member(doc, "b"), "a"), 0), 2);
	CHECK(span_is(span_member(span_member(doc, "b"), "x"), "}\"]"));
	CHECK_INT(span_kind(span_member(doc, "c")), '[');
	CHECK(!span_member(doc, "d").n);
	CHECK(!span_member(span_member(doc, "d"), "e").n);
	while (span_next(doc, &at, &key, &item))
		n++;
	CHECK_INT(n, 4);
	CHECK(span_is(key, "a"));
	at = 0;
	CHECK(span_next(span_member(doc, "c"), &at, NULL, &item));
	CHECK_INT(item.n, 3);
	CHECK(span_next(span_member(doc, "c"), &at, NULL, &item));
	CHECK(span_is(item, "z"));
	CHECK(!span_next(span_member(doc, "c"), &at, NULL, &item));
	CHECK_INT(span_int(span_member(doc, "b"), -7), -7);
}

static int setup(void **state)
{
	(void)state;
	mem = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(mem);
	return 0;
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dialects_are_found_by_name),
		TEST(the_sink_may_have_enough),
		TEST(text_of_a_document_is_in_the_reading),
		TEST(a_complete_message_needs_no_more_bytes),
		TEST(what_is_longer_than_16_mib_is_refused),
		TEST(an_answer_without_end_is_refused),
		TEST(calls_without_end_are_refused),
		TEST(a_long_stream_of_small_pieces_is_read),
		TEST(one_in_flight_is_small),
		TEST(json_is_told_from_what_is_cut_and_what_is_none),
		TEST(members_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
