#include "check.h"
#include "reading.h"

#include <stdlib.h>

/* openai-chat: bodies of our own, each for what some server does in another way. */

static struct arena *mem;

static struct reading of(const char *body)
{
	return reading_of(mem, &reader_openai, 200, body, NULL);
}

static struct reading of_status(int status, const char *body)
{
	return reading_of(mem, &reader_openai, status, body, NULL);
}

#define CHUNK(choices_)                                                                            \
	"data: "                                                                                   \
	"{\"id\":\"c-1\",\"model\":\"m-1\",\"object\":\"chat.completion.chunk\",\"created\":1,"    \
	"\"choices\":" choices_ "}\n\n"
#define DELTA(delta_) CHUNK("[{\"index\":0,\"delta\":" delta_ ",\"finish_reason\":null}]")
#define SAY(s_)       DELTA("{\"content\":\"" s_ "\"}")
#define TOOLS(s_)     DELTA("{\"content\":null,\"tool_calls\":[" s_ "]}")
#define ENDS(reason_) CHUNK("[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason_ "\"}]")
#define DONE          "data: [DONE]\n\n"
#define FUNCTION(name_, arguments_)                                                                \
	"\"type\":\"function\",\"function\":{\"name\":\"" name_ "\",\"arguments\":\"" arguments_   \
	"\"}"
#define MORE(arguments_) "\"function\":{\"arguments\":\"" arguments_ "\"}"

/* "id:name:arguments;" of each call, and whether they run. */
static const char *calls_of(const struct reading *r)
{
	struct buf b = { 0 };
	const char *s;

	for (int i = 0; i < r->ncalls; i++)
		buf_printf(&b, "%s:%s:%s;", r->calls[i].id, r->calls[i].name, r->calls[i].raw);
	buf_adds(&b, r->run ? "run" : "");
	s = arena_strdup(mem, b.data ? b.data : "");
	buf_done(&b);
	return s;
}

static void check_calls(const char *body, const char *calls)
{
	struct reading r = of(body);

	CHECK_STR(calls_of(&r), calls);
}

static void text_of_a_stream(void **state)
{
	struct hearing h = { 0 };
	struct reading r = reading_of(mem, &reader_openai, 200,
	    CHUNK("[]") DELTA("{\"role\":\"assistant\",\"content\":\"\"}") SAY("Hel")
		SAY("lo \\ud83d") SAY("\\u0000") ENDS("stop") CHUNK("[]") DONE,
	    &h);

	(void)state;
	CHECK_INT(r.outcome, READING_MESSAGE);
	CHECK_STR(r.id, "c-1");
	CHECK_STR(r.model, "m-1");
	CHECK_STR(r.stop_reason, "stop");
	CHECK_STR(r.text, "Hello \xEF\xBF\xBD\xEF\xBF\xBD");
	CHECK_STR(h.text.data, r.text);
	CHECK_INT(h.pieces, 3);
	CHECK(!r.reasoning && !r.refusal && !r.opaque && !r.tagged && !r.run);
	buf_done(&h.text);
}

static void either_a_reason_or_done_ends_it(void **state)
{
	(void)state;
	CHECK_INT(of(SAY("a") ENDS("stop")).outcome, READING_MESSAGE);
	CHECK_INT(of(SAY("a") DONE).outcome, READING_MESSAGE);
	CHECK(!of(SAY("a") DONE).stop_reason);
	CHECK_INT(of(SAY("a")).outcome, READING_TRUNCATED);
	CHECK_INT(of(SAY("a") "data: [DONE]").outcome, READING_MESSAGE);
	CHECK_INT(of(SAY("a") "data: [DO").outcome, READING_TRUNCATED);
	CHECK_INT(of(SAY("a") "data: {\"choi").outcome, READING_TRUNCATED);
	CHECK_INT(of("").outcome, READING_TRUNCATED);
	CHECK_INT(of("dat").outcome, READING_TRUNCATED);
	CHECK_INT(of(": keep alive\n\n").outcome, READING_TRUNCATED);
}

static void the_reason_may_come_twice_or_empty(void **state)
{
	(void)state;
	CHECK_STR(of(SAY("a") ENDS("stop") ENDS("stop") DONE).stop_reason, "stop");
	CHECK_STR(of(SAY("a") ENDS("") ENDS("stop") DONE).stop_reason, "stop");
	CHECK_STR(of(SAY("a") ENDS("length") ENDS("stop") DONE).stop_reason, "length");
	CHECK_STR(of(SAY("a") ENDS("stop") ENDS("length") DONE).stop_reason, "length");
	CHECK_STR(of("{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"\"}]}")
		      .stop_reason,
	    "");
}

static void calls_of_a_stream(void **state)
{
	(void)state;
	check_calls(TOOLS("{\"index\":0,\"id\":\"a\"," FUNCTION("f", "") "}")
			TOOLS("{\"index\":0," MORE("{\\\"x\\\":") "}")
			    TOOLS("{\"index\":1,\"id\":\"b\"," FUNCTION("g", "{}") "}")
				TOOLS("{\"index\":0," MORE("1}") "}") ENDS("tool_calls") DONE,
	    "a:f:{\"x\":1};b:g:{};run");
}

static void any_reason_runs_calls_but_one_that_cuts(void **state)
{
#define ONE TOOLS("{\"index\":0,\"id\":\"a\"," FUNCTION("f", "{}") "}")
	static const char *const cut[] = { ONE ENDS("length") DONE, ONE ENDS("content_filter") DONE,
		ONE ENDS("error") DONE, ONE ENDS("LENGTH") DONE,
		ONE ENDS("insufficient_system_resource"),
		ONE ENDS("length") ENDS("tool_calls") DONE,
		ONE ENDS("tool_calls") ENDS("length") DONE, ONE };
	static const char *const whole[] = { ONE ENDS("tool_calls") DONE, ONE ENDS("stop") DONE,
		ONE ENDS("tool_calls"), ONE DONE, ONE ENDS("") DONE,
		ONE ENDS("function_call") DONE };

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(*cut); i++)
		check_calls(cut[i], "a:f:{};");
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		check_calls(whole[i], "a:f:{};run");
}

static void broken_arguments_stop_all_calls(void **state)
{
	static const char *const bodies[] = {
		ONE TOOLS("{\"index\":1,\"id\":\"b\"," FUNCTION("g", "{\\\"x\\\":") "}")
		    ENDS("tool_calls") DONE,
		ONE TOOLS("{\"index\":1,\"id\":\"b\"," FUNCTION("g", "[]") "}") ENDS("tool_calls")
		    DONE,
		ONE TOOLS("{\"index\":1,\"id\":\"b\"," FUNCTION("g", "{} {}") "}")
		    ENDS("tool_calls") DONE,
		ONE TOOLS("{\"index\":1,\"id\":\"b\"," FUNCTION("", "{}") "}") ENDS("tool_calls")
		    DONE,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct reading r = of(bodies[i]);

		CHECK_INT(r.outcome, READING_MESSAGE);
		CHECK_INT(r.ncalls, 2);
		CHECK(r.calls[0].arguments != NULL);
		CHECK(!r.run);
	}
}

static void an_index_may_be_missing_or_sparse_or_begin_at_one(void **state)
{
	(void)state;
	check_calls(TOOLS("{\"index\":1,\"id\":\"a\"," FUNCTION("f", "") "}")
			TOOLS("{\"index\":7,\"id\":\"b\"," FUNCTION("g", "") "}")
			    TOOLS("{\"index\":1," MORE("{}") "}") ENDS("tool_calls"),
	    "a:f:{};b:g:;run");
	check_calls(TOOLS("{\"id\":\"a\"," FUNCTION("f", "") "}") TOOLS("{" MORE("{") "}")
			TOOLS("{\"id\":\"\"," MORE("}") "}")
			    TOOLS("{\"id\":\"b\"," FUNCTION("g", "{}") "}") ENDS("tool_calls"),
	    "a:f:{};b:g:{};run");
	/* Without an index at first, and then with one. */
	check_calls(TOOLS("{\"id\":\"a\"," FUNCTION("f", "{}") "}")
			TOOLS("{\"index\":0,\"id\":\"\"," MORE("") "}") ENDS("tool_calls"),
	    "a:f:{};run");
	check_calls(TOOLS("{\"id\":\"a\"," FUNCTION("f", "") "},{\"id\":\"b\"," FUNCTION(
			"g", "{}") "}") TOOLS("{\"id\":\"a\"," MORE("{}") "}") ENDS("tool_calls"),
	    "a:f:{};b:g:{};run");
}

static void an_id_may_be_empty_or_repeated(void **state)
{
	(void)state;
	check_calls(TOOLS("{\"index\":0,\"id\":\"\"," FUNCTION("f", "{}") "}") ENDS("tool_calls"),
	    ":f:{};run");
	check_calls(TOOLS("{\"index\":0,\"id\":\"a\"," FUNCTION("f", "{") "}") TOOLS(
			"{\"index\":0,\"id\":\"a\"," FUNCTION("f", "}") "}") ENDS("tool_calls"),
	    "a:f:{};run");
	check_calls(TOOLS("{\"id\":\"a\"," FUNCTION("f", "{") "}")
			TOOLS("{\"id\":\"a\"," FUNCTION("f", "}") "}") ENDS("tool_calls"),
	    "a:f:{};run");
	check_calls(TOOLS("{" FUNCTION("f", "{") "}") TOOLS("{" FUNCTION("f", "}") "}")
			ENDS("tool_calls"),
	    ":f:{};run");
	/* Two calls with the same id. */
	check_calls(TOOLS("{\"index\":0,\"id\":\"a\"," FUNCTION("f", "{}") "}") TOOLS(
			"{\"index\":1,\"id\":\"a\"," FUNCTION("f", "{}") "}") ENDS("tool_calls"),
	    "a:f:{};a:f:{};run");
}

static void parallel_calls_may_share_an_index(void **state)
{
	(void)state;
	check_calls(TOOLS("{\"index\":0,\"id\":\"a\"," FUNCTION("f", "{}") "}") TOOLS(
			"{\"index\":0,\"id\":\"b\"," FUNCTION("f", "{}") "}") ENDS("tool_calls"),
	    "a:f:{};b:f:{};run");
	check_calls(TOOLS("{\"index\":0,\"id\":\"\"," FUNCTION("f", "{}") "}") TOOLS(
			"{\"index\":0,\"id\":\"\"," FUNCTION("f", "{}") "}") ENDS("tool_calls"),
	    ":f:{};:f:{};run");
	check_calls(TOOLS("{" FUNCTION("f", "{}") "},{" FUNCTION("f", "{}") "}") ENDS("tool_calls"),
	    ":f:{};:f:{};run");
}

static void arguments_may_be_an_object_or_nothing(void **state)
{
	(void)state;
	check_calls(TOOLS("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{"
			  "\"x\": [1]}}}") ENDS("stop"),
	    "a:f:{\"x\": [1]};run");
	check_calls(
	    TOOLS("{\"index\":0,\"id\":\"a\"," FUNCTION("f", "") "}") ENDS("stop"), "a:f:;run");
	check_calls(TOOLS("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}") ENDS("stop"),
	    "a:f:;run");
	check_calls(
	    TOOLS("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":null}}")
		ENDS("stop"),
	    "a:f:;run");
	check_calls(TOOLS("{\"index\":0,\"id\":\"a\"," FUNCTION("f", "null") "}") ENDS("stop"),
	    "a:f:null;run");
	CHECK_INT(json_object_size(of(ONE ENDS("stop")).calls[0].arguments), 0);
}

static void what_is_no_call_is_none(void **state)
{
	(void)state;
	check_calls(
	    DELTA("{\"tool_calls\":null}") DELTA("{\"tool_calls\":[]}")
		DELTA("{\"tool_calls\":[null,7]}") DELTA(
		    "{\"tool_calls\":\"x\",\"function_call\":{\"name\":\"\",\"arguments\":\"\"}}")
		    ENDS("stop"),
	    "");
	check_calls(DELTA("{\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}}")
			ENDS("function_call"),
	    ":f:{};run");
	CHECK_STR(
	    of(SAY("<tool_call>f</tool_call>") ENDS("stop")).text, "<tool_call>f</tool_call>");
}

static void numbers_keep_their_digits(void **state)
{
	struct reading r = of(TOOLS("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
				    "\"arguments\":{\"n\":18446744073709551616}}}") ENDS("stop"));

	(void)state;
	CHECK(r.run);
	CHECK_STR(json_str(r.calls[0].arguments, "n"), "18446744073709551616");
	CHECK_STR(
	    of("data: {\"created\":1e400,\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n" DONE)
		.text,
	    "a");
}

static void only_the_first_choice_is_read(void **state)
{
	struct reading r = of(CHUNK("[{\"index\":1,\"delta\":{\"content\":\"x\"}}]") SAY("a")
		CHUNK("[{\"index\":1,\"delta\":{\"content\":\"y\"},\"finish_reason\":\"length\"},"
		      "{\"index\":0,\"delta\":{\"content\":\"b\"}}]") ENDS("stop") DONE);

	(void)state;
	CHECK_STR(r.text, "ab");
	CHECK_STR(r.stop_reason, "stop");
	r = of("{\"choices\":[{\"index\":1,\"message\":{\"content\":\"x\"}},{\"index\":0,"
	       "\"message\":{\"content\":\"a\"}}]}");
	CHECK_STR(r.text, "a");
}

static void usage_comes_in_many_places(void **state)
{
#define USAGE                                                                                      \
	"{\"prompt_tokens\":9,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_"        \
	"tokens\":4},"                                                                             \
	"\"completion_tokens_details\":{\"reasoning_tokens\":2}}"
	static const char *const bodies[] = {
		SAY("a") ENDS("stop") "data: {\"choices\":[],\"usage\":" USAGE "}\n\n" DONE,
		SAY("a") "data: {\"choices\":[],\"usage\":" USAGE
			 "}\n\ndata: {\"choices\":[],\"usage\":null}\n\n" DONE,
		SAY("a") "data: {\"choices\":[],\"x_groq\":{\"usage\":" USAGE "}}\n\n" DONE,
		SAY("a") "data: {\"usage\":" USAGE
			 ",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
		"{\"choices\":[{\"message\":{\"content\":\"a\"}}],\"usage\":" USAGE "}",
		"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n"
		"data: {\"choices\":[],\"usage\":" USAGE "}\n\n" DONE,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct reading r = of(bodies[i]);

		CHECK_INT(r.usage.input_total, 9);
		CHECK_INT(r.usage.cache_read, 4);
		CHECK_INT(r.usage.output, 5);
		CHECK_INT(r.usage.reasoning, 2);
	}
	CHECK_INT(of(SAY("a") DONE).usage.output, -1);
}

static void reasoning_has_many_names(void **state)
{
	struct reading r = of(DELTA("{\"reasoning_content\":\"H\"}")
		DELTA("{\"reasoning_content\":\"m\",\"content\":\"\"}")
		    DELTA("{\"reasoning_content\":null,\"content\":\"a\"}") ENDS("stop"));

	(void)state;
	CHECK_STR(r.reasoning, "Hm");
	CHECK_STR(r.text, "a");
	CHECK_STR(json_text(mem, r.opaque), "{\"reasoning_content\":\"Hm\"}");
	r = of(DELTA("{\"reasoning\":\"H\"}") DELTA("{\"reasoning\":\"m\"}")
		DELTA("{\"reasoning\":null}") ENDS("stop"));
	CHECK_STR(json_text(mem, r.opaque), "{\"reasoning\":\"Hm\"}");
	/* The same in both is said once. */
	r = of(DELTA("{\"reasoning\":\"Hm\",\"reasoning_content\":\"Hm\"}") ENDS("stop"));
	CHECK_STR(r.reasoning, "Hm");
	CHECK_STR(json_text(mem, r.opaque), "{\"reasoning_content\":\"Hm\"}");
	r = of("{\"choices\":[{\"message\":{\"content\":\"a\",\"reasoning\":\"Hm\"}}]}");
	CHECK_STR(r.reasoning, "Hm");
	CHECK_STR(json_text(mem, r.opaque), "{\"reasoning\":\"Hm\"}");
	CHECK(!of(DELTA("{\"reasoning\":\"\",\"reasoning_content\":\"\",\"reasoning_details\":[]}")
		      ENDS("stop"))
		   .opaque);
}

static void details_of_reasoning_are_put_together(void **state)
{
	struct reading r = of(DELTA("{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":"
				    "\"H\",\"index\":0,\"signature\":null}]}")
		DELTA("{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"m\","
		      "\"index\":0}]}")
		    DELTA(
			"{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"s\","
			"\"index\":0}]}")
			DELTA("{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":"
			      "\"e\",\"index\":0},"
			      "{\"type\":\"reasoning.encrypted\",\"data\":\"f\",\"index\":0}]}")
			    ENDS("stop"));

	(void)state;
	CHECK_STR(json_canonical(mem, r.opaque),
	    "{\"reasoning_details\":[{\"index\":0,\"signature\":\"s\",\"text\":\"Hm\",\"type\":"
	    "\"reasoning.text\"},"
	    "{\"data\":\"e\",\"index\":0,\"type\":\"reasoning.encrypted\"},"
	    "{\"data\":\"f\",\"index\":0,\"type\":\"reasoning.encrypted\"}]}");
	CHECK(!r.reasoning);
}

static void content_may_be_a_list_of_parts(void **state)
{
	struct reading r = of(DELTA("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":"
				    "\"text\",\"text\":\"Hm\"}]}]}")
		DELTA("{\"content\":[{\"type\":\"thinking\",\"thinking\":\"?\"},{\"type\":\"text\","
		      "\"text\":\"a\"},"
		      "{\"type\":\"picture\",\"url\":\"x\"},7]}") SAY("b") ENDS("stop"));

	(void)state;
	CHECK_STR(r.text, "ab");
	CHECK_STR(r.reasoning, "Hm?");
	r = of("{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
	       "\"type\":\"refusal\",\"refusal\":\"No\"}]}}]}");
	CHECK_STR(r.text, "a");
	CHECK_STR(r.refusal, "No");
}

/* What is shown, and what is taken out of it. */
static void check_think(
    const char *body, const char *text, const char *reasoning, const char *tagged)
{
	struct hearing h = { 0 };
	struct reading r = reading_of(mem, &reader_openai, 200, body, &h);

	CHECK_STR(r.text, text);
	CHECK_STR(r.reasoning, reasoning);
	CHECK_STR(r.tagged, tagged);
	CHECK_STR(buf_str(&h.text), body[0] == '{' ? "" : text);
	buf_done(&h.text);
}

static void reasoning_left_in_the_text_is_taken_out(void **state)
{
	(void)state;
	check_think(SAY("<think>Hm</think>a") ENDS("stop"), "a", "Hm", "<think>Hm</think>a");
	check_think(SAY("\\n<th") SAY("ink>H") SAY("m</") SAY("think") SAY(">\\n") SAY("\\na ")
			SAY("b") ENDS("stop"),
	    "a b", "Hm", "\n<think>Hm</think>\n\na b");
	check_think(SAY("<think></think>a") ENDS("stop"), "a", NULL, "<think></think>a");
	check_think(SAY("<think>Hm") ENDS("length"), "", "Hm", "<think>Hm");
	check_think(SAY("<think>Hm</thin") ENDS("length"), "", "Hm</thin", "<think>Hm</thin");
	check_think(SAY("<think>x</think>a <think>b</think>") ENDS("stop"), "a <think>b</think>",
	    "x", "<think>x</think>a <think>b</think>");
	check_think("{\"choices\":[{\"message\":{\"content\":\"<think>Hm</think>\\na\"}}]}", "a",
	    "Hm", "<think>Hm</think>\na");
	/* What only looks like it. */
	check_think(SAY(" <thin") SAY("g>a") ENDS("stop"), " <thing>a", NULL, NULL);
	check_think(SAY("a <think>b</think>") ENDS("stop"), "a <think>b</think>", NULL, NULL);
	check_think(SAY("<thi") ENDS("stop"), "<thi", NULL, NULL);
	check_think(SAY(" ") DONE, " ", NULL, NULL);
}

static void a_refusal_is_no_text(void **state)
{
	struct reading r =
	    of(DELTA("{\"refusal\":\"I \"}") DELTA("{\"refusal\":\"won't\"}") ONE ENDS("stop"));

	(void)state;
	CHECK_STR(r.refusal, "I won't");
	CHECK_STR(r.text, "");
	CHECK(!r.run);
	r = of("{\"choices\":[{\"message\":{\"content\":\"a\",\"refusal\":\"\"}}]}");
	CHECK(!r.refusal);
	CHECK(r.refusal_sent);
}

static void check_error(const char *body, const char *type, const char *code, const char *message)
{
	struct reading r = of(body);

	CHECK_INT(r.outcome, READING_ERROR);
	CHECK_STR(r.error_type, type);
	CHECK_STR(r.error_code, code);
	CHECK_STR(r.error_message, message);
	CHECK(!r.run);
}

static void errors_come_after_the_status(void **state)
{
	(void)state;
	check_error("data: {\"error\":{\"message\":\"No\",\"type\":\"t\",\"code\":\"c\"}}\n\n", "t",
	    "c", "No");
	check_error(ONE
	    "event: error\ndata: {\"error\":{\"message\":\"No\",\"type\":\"t\",\"code\":429}}\n\n",
	    "t", "429", "No");
	check_error(ONE "event: error\ndata: {\"message\":\"No\"}\n\n", NULL, NULL, "No");
	check_error(ONE ENDS("tool_calls") "data: "
					   "{\"error\":{\"message\":\"No\",\"code\":502},"
					   "\"choices\":[{\"index\":0,"
					   "\"delta\":{\"content\":\"\"},\"finish_reason\":"
					   "\"error\"}]}\n\n" DONE,
	    NULL, "502", "No");
	check_error(SAY("a") "data: {\"error\":\"No\"}\n\n" DONE, NULL, NULL, "No");
	check_error(SAY("a") ENDS("error") DONE, NULL, NULL, NULL);
	check_error(SAY("a") "data: {\"choices\":[,]}\n\n" DONE, "malformed_json", NULL,
	    "{\"choices\":[,]}");
	CHECK_INT(
	    of("data: {\"error\":null,\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n" DONE)
		.outcome,
	    READING_MESSAGE);
	CHECK_INT(of("data: {\"error\":{},\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n" DONE)
		      .outcome,
	    READING_MESSAGE);
	CHECK_STR(of(SAY("a") "data: {\"error\":\"No\"}\n\n").text, "a");
}

static void errors_of_a_document(void **state)
{
	(void)state;
	check_error(
	    "{\"error\":{\"message\":\"No\",\"type\":\"t\",\"code\":null}}", "t", NULL, "No");
	check_error("{\"error\":\"No\"}", NULL, NULL, "No");
	check_error("{\"object\":\"list\"}", "unexpected_json", NULL, "{\"object\":\"list\"}");
	check_error("{\"choices\":[]}", "unexpected_json", NULL, "{\"choices\":[]}");
	check_error("<html>", "malformed_json", NULL, "<html>");
	CHECK_STR(
	    of_status(400, "{\"object\":\"error\",\"message\":\"No\",\"type\":\"t\",\"code\":400}")
		.error_message,
	    "No");
	CHECK_STR(
	    of_status(400, "{\"object\":\"error\",\"message\":\"No\",\"code\":400}").error_code,
	    "400");
	CHECK_STR(of_status(422, "{\"detail\":\"No\"}").error_message, "No");
	CHECK_STR(
	    of_status(400, "[{\"error\":{\"code\":400,\"message\":\"No\",\"status\":\"INVALID\"}}]")
		.error_message,
	    "No");
	CHECK_STR(of_status(500, "\"No\"").error_message, "No");
	CHECK_STR(of_status(503, "Service Unavailable").error_message, "Service Unavailable");
	CHECK_INT(of_status(500, "{\"choices\":[{\"message\":{\"content\":\"a\"}}]}").outcome,
	    READING_ERROR);
	CHECK_INT(of_status(500, SAY("a") ENDS("stop") DONE).outcome, READING_ERROR);
	CHECK_INT(of_status(500, "").outcome, READING_ERROR);
	CHECK_INT(json_int(of_status(400, "{\"error\":{\"message\":\"No\",\"n_ctx\":8}}").error,
		      "n_ctx", 0),
	    8);
}

static void calls_of_a_document_are_each_their_own(void **state)
{
	(void)state;
	check_calls(
	    "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"\"," FUNCTION(
		"f", "{}") "},{\"id\":\"\"," FUNCTION("f", "") "},{\"id\":\"a\"," FUNCTION("g",
		"{\\\"x\\\":1}") "}]},\"finish_reason\":\"tool_calls\"}]}",
	    ":f:{};:f:;a:g:{\"x\":1};run");
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
		TEST(text_of_a_stream),
		TEST(either_a_reason_or_done_ends_it),
		TEST(the_reason_may_come_twice_or_empty),
		TEST(calls_of_a_stream),
		TEST(any_reason_runs_calls_but_one_that_cuts),
		TEST(broken_arguments_stop_all_calls),
		TEST(an_index_may_be_missing_or_sparse_or_begin_at_one),
		TEST(an_id_may_be_empty_or_repeated),
		TEST(parallel_calls_may_share_an_index),
		TEST(arguments_may_be_an_object_or_nothing),
		TEST(what_is_no_call_is_none),
		TEST(numbers_keep_their_digits),
		TEST(only_the_first_choice_is_read),
		TEST(usage_comes_in_many_places),
		TEST(reasoning_has_many_names),
		TEST(details_of_reasoning_are_put_together),
		TEST(content_may_be_a_list_of_parts),
		TEST(reasoning_left_in_the_text_is_taken_out),
		TEST(a_refusal_is_no_text),
		TEST(errors_come_after_the_status),
		TEST(errors_of_a_document),
		TEST(calls_of_a_document_are_each_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
