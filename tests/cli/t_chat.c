#include "tests/check.h"

#include "cli/chat.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the events of a conversation to what stands on the screen; the terminal itself is in
 * tests/e2e/cli_chat.py. */

static void what_commands_a_terminal_is_replaced(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "", "" }, { "plain, \tand\nmore", "plain, \tand\nmore" },
		{ "Grüße 日本 🙂", "Grüße 日本 🙂" },
		{ "\033]0;title\007", "\xef\xbf\xbd]0;title\xef\xbf\xbd" },
		{ "a\rb\bc\x7f", "a\xef\xbf\xbd"
				 "b\xef\xbf\xbd"
				 "c\xef\xbf\xbd" },
		{ "\xc2\x9b"
		  "31m",
		    "\xef\xbf\xbd"
		    "31m" }, /* CSI in one character */
		{ "\xc2\xa0\xc3\x9b", "\xc2\xa0\xc3\x9b" },
		{ "\xe2\x80\xae"
		  "evil\xe2\x81\xa9",
		    "\xef\xbf\xbd"
		    "evil\xef\xbf\xbd" },
		{ "\xe2\x80\x9cquoted\xe2\x80\x9d \xe2\x80\xa6",
		    "\xe2\x80\x9cquoted\xe2\x80\x9d \xe2\x80\xa6" },
		{ "\xe2", "\xe2" }, /* no UTF-8, and no end overrun */
	};
	struct arena *mem = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(harmless(mem, cases[i].text), cases[i].shown);
	arena_free(mem);
}

/* A screen whose stdin is empty and whose stdout is a file. */
struct stage {
	struct arena *mem;
	struct signal changed;
	struct input *input;
	struct show show;
	int stdin_was, stdout_was, file;
};

static void stage_open(struct stage *s, struct world *w)
{
	char path[] = "/tmp/frontdesk-test-XXXXXX";
	int nothing = open("/dev/null", O_RDONLY);
	struct err e = { 0 };

	*s = (struct stage){ .mem = arena_new() };
	fflush(stdout);
	s->stdin_was = dup(0);
	s->stdout_was = dup(1);
	s->file = mkstemp(path);
	unlink(path);
	dup2(nothing, 0);
	dup2(s->file, 1);
	close(nothing);
	signal_init(&s->changed);
	s->input = input_open(w, &s->changed, &e);
	CHECK_STR(e.msg, "");
	s->show = (struct show){ .screen = screen_new(s->mem, s->input),
		.changed = &s->changed,
		.mem = s->mem,
		.turn = "",
		.ended = "" };
}

static void happens(struct stage *s, const char *event)
{
	struct arena *mem = arena_new();

	show_event(&s->show, json_read_own(mem, event));
	arena_free(mem);
}

/* Closes it; what stood there must be `want`. */
static void stage_close(struct stage *s, const char *want)
{
	char got[4000];
	ssize_t n;

	fflush(stdout);
	n = pread(s->file, got, sizeof(got) - 1, 0);
	got[n > 0 ? n : 0] = '\0';
	input_close(s->input);
	dup2(s->stdin_was, 0);
	dup2(s->stdout_was, 1);
	close(s->stdin_was);
	close(s->stdout_was);
	close(s->file);
	buf_done(&s->show.said);
	arena_free(s->mem);
	CHECK_STR(got, want);
}

static void a_turn_that_is_waited_for_is_shown_as_it_goes(struct world *w)
{
	struct stage s;

	stage_open(&s, w);
	s.show.waiting = true;
	happens(&s, "{\"kind\":\"message\",\"data\":{\"role\":\"customer\",\"content\":\"hi\"}}");
	happens(&s,
	    "{\"kind\":\"model.step\",\"turn\":\"t2\",\"data\":{\"n\":1,\"calls\":[{\"id\":\"a\","
	    "\"name\":\"lookup_order\",\"shown\":\"Looking "
	    "up\"},{\"id\":\"b\",\"name\":\"other\"}]}}");
	happens(
	    &s, "{\"kind\":\"tool.result\",\"turn\":\"t2\",\"data\":{\"call\":\"a\",\"ok\":true}}");
	happens(&s,
	    "{\"kind\":\"tool.result\",\"turn\":\"t2\",\"data\":{\"call\":\"b\",\"ok\":false}}");
	happens(&s, "{\"kind\":\"reply.part\",\"turn\":\"t2\",\"data\":{\"content\":\"One. \"}}");
	happens(&s, "{\"kind\":\"reply.part\",\"turn\":\"t2\",\"data\":{\"content\":\"Two. \"}}");
	happens(&s, "{\"kind\":\"escalated\",\"turn\":\"t2\",\"data\":{\"kind\":\"handoff\"}}");
	happens(&s, "{\"kind\":\"escalated\",\"turn\":\"t2\",\"data\":{\"kind\":\"review\"}}");
	happens(&s, "{\"kind\":\"message\",\"turn\":\"t2\",\"data\":{\"role\":\"ai\",\"content\":"
		    "\"One. Two. Three.\"}}");
	happens(
	    &s, "{\"kind\":\"turn.ended\",\"turn\":\"t2\",\"data\":{\"outcome\":\"answered\"}}");
	CHECK_STR(s.show.ended, "t2");
	stage_close(&s, "  … Looking up\n  … other\n  ✗ other: that failed\nAI> One. Two. Three.\n"
			"* A colleague will take over and answer you here.\n");
}

static void a_turn_that_was_left_is_shown_as_a_whole(struct world *w)
{
	struct stage s;

	stage_open(&s, w);
	s.show.waiting = true;
	happens(&s, "{\"kind\":\"reply.part\",\"turn\":\"t2\",\"data\":{\"content\":\"One. \"}}");
	show_leave(&s.show);
	happens(&s, "{\"kind\":\"reply.part\",\"turn\":\"t2\",\"data\":{\"content\":\"Two. \"}}");
	happens(&s,
	    "{\"kind\":\"model.step\",\"turn\":\"t2\",\"data\":{\"calls\":[{\"id\":\"a\",\"name\":"
	    "\"b\"}]}}");
	happens(&s, "{\"kind\":\"message\",\"turn\":\"t2\",\"data\":{\"role\":\"ai\",\"content\":"
		    "\"One. Two. Three.\"}}");
	stage_close(&s, "AI> One. \nAI> One. Two. Three.\n");
}

static void a_person_is_named_and_the_assistant_comes_back(struct world *w)
{
	struct stage s;

	stage_open(&s, w);
	happens(&s, "{\"kind\":\"escalated\",\"turn\":null,\"data\":{\"kind\":\"approval\"}}");
	happens(&s,
	    "{\"kind\":\"message\",\"data\":{\"role\":\"person\",\"author\":\"An\\u001bna\","
	    "\"content\":\"Hello.\"}}");
	happens(&s,
	    "{\"kind\":\"message\",\"data\":{\"role\":\"person\",\"author\":\"An\\u001bna\","
	    "\"content\":\"Still here.\"}}");
	happens(&s, "{\"kind\":\"message\",\"data\":{\"role\":\"system\",\"content\":\"Noted.\"}}");
	happens(&s, "{\"kind\":\"message\",\"turn\":\"t9\",\"data\":{\"role\":\"ai\",\"content\":"
		    "\"Me.\"}}");
	happens(&s, "{\"kind\":\"something.new\",\"data\":null}");
	stage_close(&s, "* A colleague has to decide on this. You will read the decision here.\n"
			"* An\xef\xbf\xbdna has joined the conversation.\n"
			"An\xef\xbf\xbdna> Hello.\nAn\xef\xbf\xbdna> Still here.\n* Noted.\n"
			"* The assistant is back.\nAI> Me.\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_commands_a_terminal_is_replaced),
		REAL_TEST(a_turn_that_is_waited_for_is_shown_as_it_goes),
		REAL_TEST(a_turn_that_was_left_is_shown_as_a_whole),
		REAL_TEST(a_person_is_named_and_the_assistant_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
