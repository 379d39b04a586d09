#include "check.h"
#include "reading.h"

#include <stdlib.h>

/* anthropic-messages: bodies of our own, each for what goes wrong with one kind of them. */

static struct arena *mem;

static struct reading of(const char *body)
{
	return reading_of(mem, &reader_anthropic, 200, body, NULL);
}

static struct reading of_status(int status, const char *body)
{
	return reading_of(mem, &reader_anthropic, status, body, NULL);
}

#define START                                                                                      \
	"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","   \
	"\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m-1\",\"content\":[],"            \
	"\"stop_reason\":null,\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":3,"       \
	"\"output_tokens\":1}}}\n\n"
#define STOP "event: message_stop\ndata: {\"type\":\"message_stop\"  }\n\n"
#define ENDS(reason_)                                                                              \
	"data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason_                  \
	"\"},\"usage\":{\"output_tokens\":7}}\n\n"
#define BEGIN(i_, block_)                                                                          \
	"data: {\"type\":\"content_block_start\",\"index\":" #i_ ",\"content_block\":" block_      \
	"}\n\n"
#define DELTA(i_, delta_)                                                                          \
	"data: {\"type\":\"content_block_delta\",\"index\":" #i_ ",\"delta\":" delta_ "}\n\n"
#define END(i_)     "data: {\"type\":\"content_block_stop\",\"index\":" #i_ "}\n\n"
#define TEXT(i_)    BEGIN(i_, "{\"type\":\"text\",\"text\":\"\"}")
#define SAY(i_, s_) DELTA(i_, "{\"type\":\"text_delta\",\"text\":\"" s_ "\"}")
#define CALL(i_, id_)                                                                              \
	BEGIN(i_, "{\"type\":\"tool_use\",\"id\":\"" id_ "\",\"name\":\"find\",\"input\":{}}")
#define JSON(i_, s_) DELTA(i_, "{\"type\":\"input_json_delta\",\"partial_json\":\"" s_ "\"}")

static void text_and_calls_of_a_stream(void **state)
{
	struct reading r = of(
	    START TEXT(0) SAY(0, "Let me ") SAY(0, "see: \\u00e9\\ud83d\\ude00") END(0) CALL(1, "a")
		JSON(1, "") JSON(1, "{\\\"id\\\":") JSON(1, "7}") END(1) ENDS("tool_use") STOP);

	(void)state;
	CHECK_INT(r.outcome, READING_MESSAGE);
	CHECK_STR(r.id, "msg_1");
	CHECK_STR(r.model, "m-1");
	CHECK_STR(r.stop_reason, "tool_use");
	CHECK_STR(r.text, "Let me see: \xC3\xA9\xF0\x9F\x98\x80");
	CHECK_INT(r.ncalls, 1);
	CHECK_STR(r.calls[0].id, "a");
	CHECK_STR(r.calls[0].name, "find");
	CHECK_STR(r.calls[0].raw, "{\"id\":7}");
	CHECK_INT(json_int(r.calls[0].arguments, "id", 0), 7);
	CHECK(r.run);
	CHECK(!r.opaque);
	CHECK(!r.pause);
}

static void usage_is_cumulative(void **state)
{
	struct reading r = of(START
	    "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":4,"
	    "\"input_tokens\":null,\"output_tokens_details\":{\"thinking_tokens\":2}}}\n\n" ENDS(
		"end_turn") STOP);

	(void)state;
	CHECK_INT(r.usage.input_uncached, 10);
	CHECK_INT(r.usage.cache_read, 3);
	CHECK_INT(r.usage.cache_write, -1);
	CHECK_INT(r.usage.output, 7);
	CHECK_INT(r.usage.reasoning, 2);
	CHECK_INT(r.usage.input_total, -1);
}

static void a_call_without_arguments_has_an_empty_object(void **state)
{
	static const char *const bodies[] = {
		START CALL(0, "a") JSON(0, "") END(0) ENDS("tool_use") STOP,
		START CALL(0, "a") END(0) ENDS("tool_use") STOP,
		START BEGIN(0, "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"find\"}") END(0)
		    ENDS("tool_use") STOP,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct reading r = of(bodies[i]);

		CHECK(r.run);
		CHECK_INT(r.ncalls, 1);
		CHECK(json_is_object(r.calls[0].arguments));
		CHECK_INT(json_object_size(r.calls[0].arguments), 0);
	}
}

static void the_input_of_the_start_counts_when_nothing_follows(void **state)
{
	struct reading r = of(START BEGIN(
	    0, "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"find\",\"input\":{\"x\": 1}}")
		JSON(0, "") END(0) ENDS("tool_use") STOP);

	(void)state;
	CHECK_STR(r.calls[0].raw, "{\"x\": 1}");
	CHECK_INT(json_int(r.calls[0].arguments, "x", 0), 1);
}

static void a_call_that_was_cut_off_never_runs(void **state)
{
	static const char *const bodies[] = {
		START CALL(0, "a") JSON(0, "{}") ENDS("max_tokens") STOP,
		START CALL(0, "a") JSON(0, "{}") END(0) ENDS("max_tokens") STOP,
		START CALL(0, "a") JSON(0, "{\\\"x\\\":1}") ENDS("tool_use") STOP,
		START CALL(0, "a") JSON(0, "{\\\"x\\\":") END(0) ENDS("tool_use") STOP,
		START CALL(0, "a") JSON(0, "[1]") END(0) ENDS("tool_use") STOP,
		START CALL(0, "a") JSON(0, "{}") END(0) ENDS("tool_use"),
		START CALL(0, "a") JSON(0, "{}") END(0) STOP,
		START CALL(0, "a") JSON(0, "{}") END(0) ENDS("refusal") STOP,
		START CALL(0, "a") JSON(0, "{}") END(0) ENDS("model_context_window_exceeded") STOP,
		START CALL(0, "a") JSON(0, "{}") END(0) ENDS("pause_turn") STOP,
		START CALL(0, "a") JSON(0, "{}") END(0) ENDS("something_new") STOP,
		START CALL(0, "a") END(0) CALL(1, "b") ENDS("tool_use") STOP,
		START BEGIN(0, "{\"type\":\"tool_use\",\"id\":\"a\",\"input\":{}}") END(0)
		    ENDS("tool_use") STOP,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct reading r = of(bodies[i]);

		CHECK(!r.run);
		CHECK(r.ncalls > 0);
	}
}

static void calls_run_also_when_the_turn_is_said_to_end(void **state)
{
	(void)state;
	CHECK(of(START CALL(0, "a") JSON(0, "{}") END(0) ENDS("end_turn") STOP).run);
	CHECK(of(START CALL(0, "a") JSON(0, "{}") END(0) ENDS("stop_sequence") STOP).run);
}

static void parallel_calls_may_be_interleaved(void **state)
{
	struct reading r = of(START CALL(0, "a") CALL(1, "b") JSON(1, "{\\\"x\\\":") JSON(
	    0, "{\\\"x\\\":1") JSON(1, "2}") END(1) JSON(0, "}") END(0) ENDS("tool_use") STOP);

	(void)state;
	CHECK(r.run);
	CHECK_STR(r.calls[0].raw, "{\"x\":1}");
	CHECK_STR(r.calls[1].raw, "{\"x\":2}");
}

static void numbers_keep_their_digits(void **state)
{
	struct reading r = of(START CALL(0, "a")
		JSON(0, "{\\\"big\\\":9223372036854775808,\\\"fits\\\":9223372036854775807,"
			"\\\"list\\\":[-99999999999999999999,1e999,0.5],\\\"s\\\":"
			"\\\"99999999999999999999\\\"}") END(0) ENDS("tool_use") STOP);
	const json_t *a = r.calls[0].arguments, *list = json_object_get(a, "list");

	(void)state;
	CHECK(r.run);
	CHECK_STR(json_str(a, "big"), "9223372036854775808");
	CHECK(json_int(a, "fits", 0) == INT64_MAX);
	CHECK_STR(json_string_value(json_array_get(list, 0)), "-99999999999999999999");
	CHECK_STR(json_string_value(json_array_get(list, 1)), "1e999");
	CHECK(json_is_real(json_array_get(list, 2)));
	CHECK_STR(json_str(a, "s"), "99999999999999999999");
	CHECK_HAS(r.calls[0].raw, "9223372036854775808,");
}

static void equal_keys_and_nul_are_let_through(void **state)
{
	struct reading r = of(START CALL(0, "a")
		JSON(0, "{\\\"k\\\":1,\\\"k\\\":\\\"\\\\u0000\\\"}") END(0) ENDS("tool_use") STOP);
	const json_t *k = json_object_get(r.calls[0].arguments, "k");

	(void)state;
	CHECK(r.run);
	CHECK_INT(json_string_length(k), 1);
}

static void depth_is_bounded(void **state)
{
	struct buf b = { 0 };
	struct reading r;

	(void)state;
	buf_adds(&b, START CALL(0, "a"));
	buf_adds(&b, "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
		     "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":");
	for (int i = 0; i < 100; i++)
		buf_adds(&b, "[");
	for (int i = 0; i < 100; i++)
		buf_adds(&b, "]");
	buf_adds(&b, "}\"}}\n\n" END(0) ENDS("tool_use") STOP);
	r = of(b.data);
	CHECK_INT(r.outcome, READING_MESSAGE);
	CHECK(!r.run);
	CHECK(!r.calls[0].arguments);
	buf_clear(&b);
	buf_adds(&b, START "data: ");
	for (int i = 0; i < 3000; i++)
		buf_adds(&b, "{\"a\":[");
	buf_adds(&b, "\n\n");
	r = of(b.data);
	CHECK_INT(r.outcome, READING_ERROR);
	CHECK_STR(r.error_type, "malformed_json");
	buf_done(&b);
}

static void what_is_unknown_passes(void **state)
{
	struct reading r = of(START "event: ping\ndata: {\"type\":\"ping\"}\n\n"
				    "event: news\ndata: {\"type\":\"news\",\"index\":0}\n\n"
				    "data: 7\n\ndata: null\n\ndata:\n\n" TEXT(0) SAY(0, "a") DELTA(
					0, "{\"type\":\"smell_delta\",\"smell\":\"b\"}") END(0)
					BEGIN(1, "{\"type\":\"dance\", \"steps\":[1, 2]}")
					    DELTA(1, "{\"type\":\"dance_delta\",\"steps\":[3]}")
						END(1) ENDS("applause") STOP);

	(void)state;
	CHECK_INT(r.outcome, READING_MESSAGE);
	CHECK_STR(r.text, "a");
	CHECK_STR(r.stop_reason, "applause");
	CHECK_STR(
	    json_text(mem, r.opaque), "[1,\"{\\\"type\\\":\\\"dance\\\", \\\"steps\\\":[1, 2]}\"]");
}

static void only_tool_use_is_ours_to_run(void **state)
{
	struct reading r = of(START BEGIN(
	    0, "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\",\"input\":{}}") JSON(0,
	    "{\\\"q\\\": ") JSON(0, "1}") END(0) BEGIN(1,
	    "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\", \"content\":[]}") END(1)
		BEGIN(2, "{\"type\":\"mcp_tool_use\",\"id\":\"m\",\"name\":\"x\",\"input\":{}}")
		    END(2) CALL(3, "a") END(3) ENDS("tool_use") STOP);

	(void)state;
	CHECK_INT(r.ncalls, 1);
	CHECK_STR(r.calls[0].id, "a");
	CHECK_INT(json_array_size(r.opaque), 4);
	CHECK_STR(json_string_value(json_array_get(r.opaque, 0)),
	    "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\",\"input\":{\"q\": 1}}");
	CHECK_STR(json_string_value(json_array_get(r.opaque, 1)),
	    "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\", \"content\":[]}");
	CHECK(json_is_null(json_array_get(r.opaque, 3)));
}

static void thinking_goes_back_as_it_came(void **state)
{
	struct reading r =
	    of(START BEGIN(0, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
		    DELTA(0, "{\"type\":\"thinking_delta\",\"thinking\":\"Hm, \\\"x\\\"\"}")
			DELTA(0, "{\"type\":\"thinking_delta\",\"thinking\":\"?\"}")
			    DELTA(0, "{\"type\":\"signature_delta\",\"signature\":\"old\"}") DELTA(
				0, "{\"type\":\"signature_delta\",\"signature\":\"new==\"}") END(0)
				BEGIN(1, "{\"type\":\"redacted_thinking\", \"data\":\"zz\"}") END(1)
				    TEXT(2) SAY(2, "ab") END(2) TEXT(3) END(3) CALL(4, "a") END(4)
					TEXT(5) SAY(5, "c\\u00e9") END(5) ENDS("tool_use") STOP);

	(void)state;
	CHECK_STR(r.reasoning, "Hm, \"x\"?");
	CHECK_STR(r.text, "abc\xC3\xA9");
	CHECK_STR(json_text(mem, r.opaque),
	    "[\"{\\\"type\\\":\\\"thinking\\\",\\\"thinking\\\":\\\"Hm, \\\\\\\"x\\\\\\\"?\\\","
	    "\\\"signature\\\":\\\"new==\\\"}\","
	    "\"{\\\"type\\\":\\\"redacted_thinking\\\", \\\"data\\\":\\\"zz\\\"}\",2,null,3]");
}

static void half_a_block_does_not_go_back(void **state)
{
	struct reading r = of(START TEXT(0) SAY(0, "a") END(0)
		BEGIN(1, "{\"type\":\"thinking\",\"thinking\":\"\"}") DELTA(1,
		    "{\"type\":\"thinking_delta\",\"thinking\":\"Hm\"}") ENDS("max_tokens") STOP);

	(void)state;
	CHECK_INT(r.outcome, READING_MESSAGE);
	CHECK(!r.opaque);
	CHECK_STR(r.reasoning, "Hm");
}

static void a_compaction_is_assigned(void **state)
{
	struct reading r = of(START BEGIN(0, "{\"type\":\"compaction\",\"content\":null}") DELTA(
	    0, "{\"type\":\"compaction_delta\",\"content\":\"old\"}") DELTA(0,
	    "{\"type\":\"compaction_delta\",\"content\":\"new\",\"encrypted_content\":\"e\"}")
		END(0) ENDS("end_turn") STOP);

	(void)state;
	CHECK_STR(json_string_value(json_array_get(r.opaque, 0)),
	    "{\"type\":\"compaction\",\"content\":\"new\",\"encrypted_content\":\"e\"}");
}

static void a_message_may_be_whole_in_its_start(void **state)
{
	struct reading r =
	    of("data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":["
	       "{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"tool_use\",\"id\":\"a\",\"name\":"
	       "\"find\","
	       "\"input\":{\"x\":1},\"caller\":{}}],\"stop_reason\":\"tool_use\"}}\n\n" STOP);

	(void)state;
	CHECK(r.run);
	CHECK_STR(r.text, "Hi");
	CHECK_STR(r.calls[0].raw, "{\"x\":1}");
}

static void a_repeated_start_is_harmless_another_is_not(void **state)
{
	struct reading r = of(START START TEXT(0) SAY(0, "a") END(0) ENDS("end_turn") STOP);

	(void)state;
	CHECK_INT(r.outcome, READING_MESSAGE);
	CHECK_STR(r.text, "a");
	r = of(START CALL(0, "a") JSON(0, "{}")
		END(0) "data: "
		       "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_2\",\"content\":[]}}"
		       "\n\n" TEXT(0) SAY(0, "b") END(0) ENDS("end_turn") STOP);
	CHECK_INT(r.outcome, READING_ERROR);
	CHECK_STR(r.error_type, "spliced_message");
	CHECK(!r.run);
}

static void nothing_counts_after_the_stop(void **state)
{
	struct reading r = of(START TEXT(0) SAY(0, "a") END(0) ENDS("end_turn") STOP
	    "data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n" SAY(
		0, "b") "data: {broken\n\n" START);

	(void)state;
	CHECK_INT(r.outcome, READING_MESSAGE);
	CHECK_STR(r.text, "a");
}

static void an_error_may_come_at_any_time(void **state)
{
#define OVERLOADED                                                                                 \
	"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","        \
	"\"message\":\"Overloaded\"},\"request_id\":\"r\"}\n\n"
	static const char *const bodies[] = {
		OVERLOADED,
		START OVERLOADED,
		START CALL(0, "a") JSON(0, "{}") END(0) OVERLOADED,
		START CALL(0, "a") JSON(0, "{}") END(0) ENDS("tool_use") OVERLOADED STOP,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct reading r = of(bodies[i]);

		CHECK_INT(r.outcome, READING_ERROR);
		CHECK_STR(r.error_type, "overloaded_error");
		CHECK_STR(r.error_message, "Overloaded");
		CHECK(!r.error_code);
		CHECK(!r.run);
	}
}

static void errors_of_a_document(void **state)
{
	struct reading r = of_status(429,
	    "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Slow\","
	    "\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}}}");

	(void)state;
	CHECK_INT(r.outcome, READING_ERROR);
	CHECK_STR(r.error_type, "rate_limit_error");
	CHECK_STR(r.error_code, "enforced_spend_limit_reached");
	CHECK_STR(r.error_message, "Slow");
	r = of_status(529, "");
	CHECK_INT(r.outcome, READING_ERROR);
	CHECK(!r.error_type && !r.error_message);
	r = of_status(502, " <html>Bad \xFF gateway</html>\n");
	CHECK_INT(r.outcome, READING_ERROR);
	CHECK(!r.error_type);
	CHECK_STR(r.error_message, "<html>Bad \xEF\xBF\xBD gateway</html>");
	r = of("<html>login</html>");
	CHECK_INT(r.outcome, READING_ERROR);
	CHECK_STR(r.error_type, "malformed_json");
	CHECK_STR(of("{\"hello\":1}").error_type, "unexpected_json");
	CHECK_INT(of("").outcome, READING_TRUNCATED);
	CHECK_INT(of(" \r\n").outcome, READING_TRUNCATED);
	CHECK_INT(of("{\"id\":\"m\",\"content\":[{\"type\":\"te").outcome, READING_TRUNCATED);
}

static void a_document(void **state)
{
	struct reading r = of(
	    "\xEF\xBB\xBF {\"id\":\"m\",\"type\":\"message\",\"model\":\"x\",\"content\":[\n"
	    "{ \"type\" : \"thinking\", \"thinking\":\"Hm\", \"signature\":\"s\", \"n\": 1.50 },\n"
	    "{\"type\":\"text\",\"text\":\"Hi\",\"citations\":[]}, "
	    "{\"type\":\"tool_use\",\"id\":\"a\","
	    "\"name\":\"find\",\"input\":{ \"n\": 12345678901234567890 "
	    "}}],\"stop_reason\":\"tool_use\","
	    "\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}");

	(void)state;
	CHECK_INT(r.outcome, READING_MESSAGE);
	CHECK(r.run);
	CHECK_STR(r.text, "Hi");
	CHECK_STR(r.reasoning, "Hm");
	CHECK_STR(r.calls[0].raw, "{ \"n\": 12345678901234567890 }");
	CHECK_STR(json_str(r.calls[0].arguments, "n"), "12345678901234567890");
	CHECK_STR(json_string_value(json_array_get(r.opaque, 0)),
	    "{ \"type\" : \"thinking\", \"thinking\":\"Hm\", \"signature\":\"s\", \"n\": 1.50 }");
	CHECK_INT(json_integer_value(json_array_get(r.opaque, 1)), 2);
	CHECK(json_is_null(json_array_get(r.opaque, 2)));
}

static void a_pause_says_what_to_send_back(void **state)
{
	struct reading r = of(START TEXT(0) SAY(0, "ab") DELTA(
	    0, "{\"type\":\"citations_delta\",\"citation\":{\"u\":1}}")
		DELTA(0, "{\"type\":\"citations_delta\",\"citation\":{\"u\":2}}") END(0) BEGIN(
		    1, "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\",\"input\":{}}")
		    JSON(1, "{}") END(1) TEXT(2) SAY(2, "c") END(2) ENDS("pause_turn") STOP);

	(void)state;
	CHECK(r.pause);
	CHECK_STR(r.content,
	    "[{\"type\":\"text\",\"text\":\"ab\",\"citations\":[{\"u\":1},{\"u\":2}]},"
	    "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\",\"input\":{}},"
	    "{\"type\":\"text\",\"text\":\"c\"}]");
	r = of("{\"id\":\"m\",\"content\":[{\"text\":\"\\u0041\", \"type\":\"text\"}],"
	       "\"stop_reason\":\"pause_turn\"}");
	CHECK_STR(r.content, "[{\"text\":\"\\u0041\", \"type\":\"text\"}]");
}

static void a_pause_sends_no_empty_text_back(void **state)
{
	struct reading r = of(START TEXT(0) SAY(0, " \\n") END(0) BEGIN(
	    1, "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\",\"input\":{}}")
		END(1) TEXT(2) END(2) ENDS("pause_turn") STOP);

	(void)state;
	CHECK(r.pause);
	CHECK_STR(r.content,
	    "[{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\",\"input\":{}}]");
	r = of(START TEXT(0) SAY(0, " ") END(0) ENDS("pause_turn") STOP);
	CHECK(!r.pause);
}

static void a_refusal_says_why(void **state)
{
	struct reading r = of(START TEXT(0) SAY(0, "I w")
		END(0) "data: "
		       "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\",\"stop_"
		       "details\":"
		       "{\"category\":\"cyber\",\"explanation\":\"Not this.\"}}}\n\n" STOP);

	(void)state;
	CHECK_INT(r.outcome, READING_MESSAGE);
	CHECK_STR(r.refusal, "Not this.");
	CHECK_STR(of(START ENDS("refusal") STOP).refusal, "refusal");
	CHECK(!of(START ENDS("end_turn") STOP).refusal);
}

static void text_in_disorder_keeps_the_order_it_was_shown_in(void **state)
{
	struct hearing h = { 0 };
	struct reading r = reading_of(mem, &reader_anthropic, 200,
	    START TEXT(0) SAY(0, "a") TEXT(1) SAY(1, "\\u00e9") SAY(0, "b")
		BEGIN(2, "{\"type\":\"x\"}") END(2) SAY(7, "c") ENDS("end_turn") STOP,
	    &h);

	(void)state;
	CHECK_STR(r.text, "a\xC3\xA9"
			  "bc");
	CHECK_STR(h.text.data, r.text);
	CHECK_STR(json_text(mem, r.opaque), "[1,4,\"{\\\"type\\\":\\\"x\\\"}\"]");
	buf_done(&h.text);
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
		TEST(text_and_calls_of_a_stream),
		TEST(usage_is_cumulative),
		TEST(a_call_without_arguments_has_an_empty_object),
		TEST(the_input_of_the_start_counts_when_nothing_follows),
		TEST(a_call_that_was_cut_off_never_runs),
		TEST(calls_run_also_when_the_turn_is_said_to_end),
		TEST(parallel_calls_may_be_interleaved),
		TEST(numbers_keep_their_digits),
		TEST(equal_keys_and_nul_are_let_through),
		TEST(depth_is_bounded),
		TEST(what_is_unknown_passes),
		TEST(only_tool_use_is_ours_to_run),
		TEST(thinking_goes_back_as_it_came),
		TEST(half_a_block_does_not_go_back),
		TEST(a_compaction_is_assigned),
		TEST(a_message_may_be_whole_in_its_start),
		TEST(a_repeated_start_is_harmless_another_is_not),
		TEST(nothing_counts_after_the_stop),
		TEST(an_error_may_come_at_any_time),
		TEST(errors_of_a_document),
		TEST(a_document),
		TEST(a_pause_says_what_to_send_back),
		TEST(a_pause_sends_no_empty_text_back),
		TEST(a_refusal_says_why),
		TEST(text_in_disorder_keeps_the_order_it_was_shown_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
