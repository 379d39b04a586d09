#include "check.h"
#include "reading.h"

#include <stdlib.h>

/* Bodies that providers really sent, against what is known to be in them: at once, and cut into
 * pieces of 1 to 64 and 4096 bytes.  Absent data is a skipped test. */

#define DATA "../shared/data/wire/"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LONG_BODY 20000 /* whose cuts take too long here */
#else
#define LONG_BODY 1000000
#endif

static json_t *manifest;

static bool check_string(const char *key, const char *got, const char *want)
{
	bool held = text_is(got, want);

	if (!held)
		print_error(
		    "%s: %s, expected %s\n", key, got ? got : "(null)", want ? want : "(null)");
	return held;
}

/* What the manifest says of a call that was only opened by a stray delta, its own ruling takes
 * back: such a delta goes on with the last call. */
static bool is_stray(const json_t *call)
{
	return !json_str(call, "id") && !json_str(call, "name");
}

static bool check_calls(const struct reading *r, const json_t *want)
{
	const json_t *call;
	bool held = true;
	int n = 0;
	size_t i;

	json_array_foreach (want, i, call) {
		const struct reading_call *got = &r->calls[n];

		if (is_stray(call))
			continue;
		if (n++ == r->ncalls)
			break;
		held &= check_string("id of a call", got->id, json_str(call, "id"));
		held &= check_string("name of a call", got->name, json_str(call, "name"));
		if (got->whole)
			held &= json_equal(got->arguments, json_object_get(call, "args"));
		else
			held &= json_object_size(json_object_get(call, "args")) == 0;
	}
	return held && n == r->ncalls;
}

static bool check_count(const json_t *want, const char *key, int64_t got)
{
	const json_t *v = json_object_get(want, key);
	/* Of what was cached, the manifest counts what nobody said as 0. */
	int64_t n = json_is_integer(v) ? json_integer_value(v) : -1;
	bool held = !v || n == got || (n == 0 && got == -1);

	if (!held)
		print_error("usage.%s: %lld, expected %lld\n", key, (long long)got, (long long)n);
	return held;
}

static bool check_usage(const struct reading_usage *u, const json_t *want)
{
	if (!json_is_object(want))
		return u->output == -1 && u->input_total == -1 && u->input_uncached == -1;
	return check_count(want, "input_total", u->input_total) &&
	       check_count(want, "input_uncached", u->input_uncached) &&
	       check_count(want, "cache_read", u->cache_read) &&
	       check_count(want, "cache_write", u->cache_write) &&
	       check_count(want, "output", u->output) &&
	       check_count(want, "reasoning", u->reasoning);
}

static const char *code_text(const json_t *error, char out[24])
{
	const json_t *code = json_object_get(error, "code");

	if (!json_is_integer(code))
		return json_string_value(code);
	snprintf(out, 24, "%lld", (long long)json_integer_value(code));
	return out;
}

static bool check_error(const struct reading *r, const json_t *want)
{
	const char *html = json_str(want, "unparseable_body");
	char code[24];

	if (json_is_string(want))
		return check_string("error", r->error_message, json_string_value(want));
	if (html)
		return check_string("error", r->error_message, html);
	if (text_is(json_str(want, "type"), "malformed_json"))
		return check_string("error", r->error_type, "malformed_json");
	return check_string("error type", r->error_type, json_str(want, "type")) &&
	       check_string("error message", r->error_message, json_str(want, "message")) &&
	       check_string("error code", r->error_code, code_text(want, code)) &&
	       json_equal(r->error, want);
}

/* The end of a message without the blank line behind it: the ruling lets either pass, and here it
 * is taken for the end. */
static bool check_outcome(const struct reading *r, const json_t *want)
{
	static const char *const names[] = { "message", "error", "truncated" };
	const char *outcome = json_str(want, "outcome");

	if (json_flag(want, "unterminated_tail"))
		outcome = "message";
	return check_string("outcome", names[r->outcome], outcome);
}

static bool check_message(const struct reading *r, const json_t *want)
{
	/* Reasoning in <think> tags is text to the manifest. */
	const char *text = r->tagged ? r->tagged : r->text;
	const char *reasoning = json_str(want, "reasoning"), *refusal = json_str(want, "refusal");
	bool held = true;

	held &= check_string("id", r->id, json_str(want, "id"));
	held &= check_string("model", r->model, json_str(want, "model"));
	held &= check_string("stop_reason", r->stop_reason, json_str(want, "stop_reason"));
	held &= check_string("text", text, json_str(want, "text"));
	if (!r->tagged)
		held &= check_string(
		    "reasoning", r->reasoning, text_is(reasoning, "") ? NULL : reasoning);
	if (refusal)
		held &= check_string("refusal", r->refusal, text_is(refusal, "") ? NULL : refusal);
	held &= check_calls(r, json_object_get(want, "tool_calls"));
	return held && check_usage(&r->usage, json_object_get(want, "usage"));
}

/* Never run what is cut off, whatever else holds. */
static bool check_run(const struct reading *r, const json_t *want)
{
	const bool stopped = text_is(r->stop_reason, "max_tokens") ||
			     text_is(r->stop_reason, "length") ||
			     text_is(r->stop_reason, "refusal");

	if (json_array_size(json_object_get(want, "do_not_execute")))
		return !r->run;
	return r->run == (r->ncalls && r->outcome == READING_MESSAGE && !stopped);
}

static bool check_reading(const struct reading *r, const json_t *want)
{
	bool held = check_outcome(r, want) && check_run(r, want);

	if (json_object_get(want, "text"))
		held &= check_message(r, want);
	if (json_object_get(want, "error"))
		held &= check_error(r, json_object_get(want, "error"));
	return held;
}

static struct buf body_of(const json_t *entry)
{
	char path[400], bytes[4096];
	struct buf b = { 0 };
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), DATA "%s", json_str(entry, "file"));
	f = fopen(path, "rb");
	if (!f)
		fail_msg("%s is absent", path);
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		buf_add(&b, bytes, n);
	fclose(f);
	return b;
}

/* The reading of one cut: as text, and what the sink heard with it. */
static const char *read_cut(struct arena *mem, const json_t *entry, const struct buf *body,
    struct cuts cuts, struct reading *r)
{
	struct hearing h = { 0 };
	const char *text;
	struct err e;

	assert_int_equal(
	    read_body(mem, reader_find(json_str(entry, "dialect")),
		(int)json_int(entry, "http_status", 0), body->data, body->len, cuts, &h, r, &e),
	    0);
	assert_true(text_starts(r->text, buf_str(&h.text)));
	text = arena_printf(mem, "%s\n%s", reading_text(mem, r), buf_str(&h.text));
	buf_done(&h.text);
	return text;
}

static void check_cut(
    const json_t *entry, const struct buf *body, struct cuts cuts, const char *whole)
{
	struct arena *mem = arena_new();
	struct reading r;

	if (!text_is(read_cut(mem, entry, body, cuts, &r), whole))
		fail_msg("%s is another in pieces of %zu bytes, seed %llu", json_str(entry, "file"),
		    cuts.chunk, (unsigned long long)cuts.seed);
	arena_free(mem);
}

static void check_body(const json_t *entry)
{
	struct arena *mem = arena_new();
	struct buf body = body_of(entry);
	struct reading r;
	const char *whole = read_cut(mem, entry, &body, (struct cuts){ 0 }, &r);

	if (!check_reading(&r, json_object_get(entry, "expect")))
		fail_msg("%s is not read as expected", json_str(entry, "file"));
	for (size_t chunk = 1; chunk <= 64 && body.len < LONG_BODY; chunk++)
		check_cut(entry, &body, (struct cuts){ .chunk = chunk }, whole);
	check_cut(entry, &body, (struct cuts){ .chunk = 7 }, whole);
	check_cut(entry, &body, (struct cuts){ .chunk = 4096 }, whole);
	for (uint64_t seed = 0; seed < 20; seed++)
		check_cut(entry, &body, (struct cuts){ .seed = check_seed() * 1000 + seed }, whole);
	buf_done(&body);
	arena_free(mem);
}

static int check_dialect(const char *dialect)
{
	json_t *entry;
	size_t i;
	int n = 0;

	if (!manifest) {
		printf("skipped: " DATA "manifest.json is absent\n");
		skip();
	}
	json_array_foreach (json_object_get(manifest, "fixtures"), i, entry)
		if (text_is(json_str(entry, "dialect"), dialect)) {
			check_body(entry);
			n++;
		}
	return n;
}

static void bodies_of_anthropic_messages(void **state)
{
	(void)state;
	CHECK(check_dialect("anthropic-messages") > 50);
}

static void bodies_of_openai_chat(void **state)
{
	(void)state;
	CHECK(check_dialect("openai-chat") > 50);
}

/* Cut off anywhere, a message is never taken for whole and its calls are never run, unless all
 * that is missing came after its end. */
static void check_prefix(
    const json_t *entry, const struct buf *body, size_t n, const struct reading *all)
{
	struct arena *mem = arena_new();
	struct reading part;
	struct err e;

	read_body(mem, reader_find(json_str(entry, "dialect")), 200, body->data, n,
	    (struct cuts){ 0 }, NULL, &part, &e);
	if (part.outcome == READING_ERROR && all->outcome != READING_ERROR)
		fail_msg("the first %zu bytes of %s are an error", n, json_str(entry, "file"));
	if (part.outcome == READING_MESSAGE &&
	    (!text_is(part.text, all->text) || part.ncalls != all->ncalls || part.run != all->run))
		fail_msg("the first %zu bytes of %s are a message", n, json_str(entry, "file"));
	arena_free(mem);
}

static void check_prefixes(const json_t *entry)
{
	struct arena *mem = arena_new();
	struct buf body = body_of(entry);
	struct reading all;
	struct err e;

	read_body(mem, reader_find(json_str(entry, "dialect")), 200, body.data, body.len,
	    (struct cuts){ 0 }, NULL, &all, &e);
	for (size_t n = 0; n < body.len; n += 1 + body.len / 300)
		check_prefix(entry, &body, n, &all);
	buf_done(&body);
	arena_free(mem);
}

static void the_beginning_of_a_message_is_truncated(void **state)
{
	json_t *entry;
	size_t i;

	(void)state;
	if (!manifest) {
		printf("skipped: " DATA "manifest.json is absent\n");
		skip();
	}
	json_array_foreach (json_object_get(manifest, "fixtures"), i, entry)
		if (reader_find(json_str(entry, "dialect")) &&
		    json_int(entry, "http_status", 0) == 200 &&
		    json_int(entry, "bytes", 0) < LONG_BODY)
			check_prefixes(entry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_of_anthropic_messages),
		cmocka_unit_test(bodies_of_openai_chat),
		cmocka_unit_test(the_beginning_of_a_message_is_truncated),
	};
	int failed;

	manifest = json_load_file(DATA "manifest.json", 0, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(manifest);
	return failed;
}
