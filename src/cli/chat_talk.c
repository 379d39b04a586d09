#include "cli/chat.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/verb.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES       5    /* to send one message */
#define FIRST_WAIT  300  /* ms, before the second of them; then twice as long */
#define SHOWN_MS    5000 /* an answer is there: so long its events may take */
#define CONNECTIONS 4

struct talk {
	struct chat_options *o;
	struct world *world;
	struct chat_api api;
	struct signal changed; /* by the input, the events, and the message on its way */
	struct input *input;
	struct screen *screen;
	struct arena *mem; /* the chat's */

	struct arena *conversation; /* and all that belongs to it */
	const char *id, *token;
	struct show show;
	struct scope following;
	bool gone; /* it cannot be followed any more */
};

/* A conversation: made, followed, left. */

static void explain_denied(const struct talk *t, bool here, struct err *e)
{
	if (e->code != ERR_DENIED || !t->o->as)
		return;
	err_wrap(e,
	    "you cannot be %s: %s, or set FRONTDESK_API_KEY, which may name anybody. The server "
	    "says",
	    t->o->as,
	    here ? "name one of those under demo: in agent.yaml"
		 : "start that server with --demo and name one of its demo customers");
}

static int create(struct talk *t, bool here, struct err *e)
{
	json_t *body = json_in(t->conversation, json_pack("{ss}", "channel", "terminal")), *made;

	if (t->o->as)
		json_object_set_new(body, "customer", json_pack("{ss}", "id", t->o->as));
	if (chat_post(&t->api, t->conversation, "/conversations", t->o->as ? t->api.key : NULL,
		NULL, body, &made, e) < 0) {
		explain_denied(t, here, e);
		return -1;
	}
	t->id = json_str(made, "id");
	t->token = json_str(made, "token");
	return t->id && t->token
		   ? 0
		   : err_set(e, ERR_INVALID, "%s is no frontdesk server", t->api.address);
}

/* For ever, over lost connections; nothing is missed and nothing shown twice. */
static void follow(void *arg)
{
	struct talk *t = arg;
	struct err e, stop;

	for (int failures = 1;; failures++) {
		int64_t since = fiber_now();

		chat_follow(&t->api, t->id, t->token, &t->show.seq, show_event, &t->show, &e);
		if (fiber_check(&stop) < 0)
			return;
		if (e.code != ERR_IO && e.code != ERR_TIMEOUT)
			break;
		if (fiber_now() - since > SHOWN_MS)
			failures = 1;
		if (failures == 3)
			screen_note(t->screen, "The connection is lost (%s); trying again.", e.msg);
		if (fiber_sleep(failures < 5 ? FIRST_WAIT << failures : 10000, &stop) < 0)
			return;
	}
	screen_note(t->screen, "This conversation cannot be followed any more: %s", e.msg);
	t->gone = true;
	signal_wake_all(&t->changed);
}

static int begin(struct talk *t, bool here, struct err *e)
{
	t->conversation = arena_new();
	if (create(t, here, e) < 0) {
		arena_free(t->conversation);
		return -1;
	}
	t->show = (struct show){ .screen = t->screen,
		.changed = &t->changed,
		.mem = t->conversation,
		.turn = "",
		.ended = "" };
	t->gone = false;
	scope_open(&t->following, FOREVER);
	scope_go(&t->following, follow, t);
	return 0;
}

static void leave(struct talk *t)
{
	scope_cancel(&t->following);
	scope_join(&t->following);
	buf_done(&t->show.said);
	arena_free(t->conversation);
}

/* A message, and the turn that answers it. */

struct sending {
	struct talk *talk;
	struct arena *mem;
	const char *content;
	json_t *answer;
	struct err err;
	bool failed, done;
};

/* The key makes that a message that was sent twice is there once. */
static void send(void *arg)
{
	struct sending *s = arg;
	struct talk *t = s->talk;
	json_t *body = json_in(s->mem, json_pack("{ss}", "content", s->content));
	const char *path = arena_printf(s->mem, "/conversations/%s/messages", t->id);
	char once[WORLD_ID_SIZE];
	struct err stop;

	world_id(t->world, "k_", once);
	for (int i = 0; i < TRIES; i++) {
		s->failed =
		    chat_post(&t->api, s->mem, path, t->token, once, body, &s->answer, &s->err) < 0;
		if (!s->failed || (s->err.code != ERR_IO && s->err.code != ERR_TIMEOUT) ||
		    fiber_sleep(FIRST_WAIT << i, &stop) < 0)
			break;
	}
	s->done = true;
	signal_wake_all(&t->changed);
}

/* Until the answer is there.  false: whoever sits there does not want to wait. */
static bool await(struct talk *t, struct sending *s)
{
	struct scope scope;
	struct err e;

	scope_open(&scope, FOREVER);
	scope_go(&scope, send, s);
	while (!s->done && !input_interrupted(t->input) && !input_ended(t->input) &&
	       signal_wait(&t->changed, FOREVER, &e) == 0)
		;
	if (s->done) {
		scope_join(&scope);
		return true;
	}
	scope_cancel(&scope);
	scope_join(&scope);
	return false;
}

/* The answer and the events come on two ways: until the second has shown the turn's end. */
static void await_shown(struct talk *t, const json_t *answer)
{
	const char *turn = json_str(json_object_get(answer, "turn"), "id");
	int64_t until = fiber_now() + SHOWN_MS;
	struct err e;

	while (turn && !text_is(t->show.ended, turn) && !t->gone)
		if (signal_wait(&t->changed, until, &e) < 0)
			return;
}

static void answered(struct talk *t, const struct sending *s)
{
	if (s->failed) {
		screen_note(t->screen, "That was not sent: %s", s->err.msg);
		t->o->status = EXIT_FAILED;
		return;
	}
	await_shown(t, s->answer);
	if (text_is(json_str(s->answer, "owner"), "person") &&
	    json_is_null(json_object_get(s->answer, "reply")))
		screen_note(
		    t->screen, "A colleague has this conversation and will answer you here.");
}

/* The turn belongs to the conversation and not to us: it is asked to end.  What was shown of it is
 * there already; its end comes with the events. */
static void cancel(struct talk *t, struct arena *mem)
{
	const char *path = arena_printf(mem, "/conversations/%s/cancel", t->id),
		   *before = t->show.ended;
	json_t *answer = NULL, *nothing = json_in(mem, json_object());
	int64_t until = fiber_now() + SHOWN_MS;
	struct err e;

	if (chat_post(&t->api, mem, path, t->token, NULL, nothing, &answer, &e) < 0) {
		screen_note(t->screen,
		    "Not waiting any longer, but the turn goes on: it could not be canceled (%s).",
		    e.msg);
		return;
	}
	while (json_flag(answer, "canceled") && t->show.ended == before && !t->gone &&
	       signal_wait(&t->changed, until, &e) == 0)
		;
	show_leave(&t->show);
	screen_note(t->screen,
	    json_flag(answer, "canceled") ? "Canceled." : "There was nothing left to cancel.");
}

static void say(struct talk *t, const char *content)
{
	struct sending s = { .talk = t, .mem = arena_new(), .content = content };

	if (!text_is_utf8(content, strlen(content))) {
		screen_note(t->screen, "That was not sent: it is not UTF-8 text");
		t->o->status = EXIT_FAILED;
	} else {
		input_interrupted(t->input); /* what was pressed before counts no longer */
		t->show.waiting = true;
		if (await(t, &s)) {
			answered(t, &s);
		} else if (!input_ended(t->input)) {
			cancel(t, s.mem);
		}
		show_leave(&t->show);
	}
	arena_free(s.mem);
}

/* Commands. */

static bool renew(struct talk *t, bool here)
{
	struct err e;

	leave(t);
	if (begin(t, here, &e) < 0) {
		screen_note(t->screen, "No new conversation: %s", e.msg);
		t->o->status = EXIT_FAILED;
		t->conversation = NULL;
		return false;
	}
	screen_note(t->screen, "This is a new conversation.");
	return true;
}

/* false: the end. */
static bool command(struct talk *t, const char *line, bool here)
{
	if (text_is(line, "/quit"))
		return false;
	if (text_is(line, "/new"))
		return renew(t, here);
	if (!text_is(line, "/help"))
		screen_note(t->screen, "There is no command %s.", line);
	screen_note(t->screen, "/new begins another conversation, /quit ends. Ctrl-C cancels the "
			       "turn that runs, and ends when none does; so does Ctrl-D.");
	return true;
}

static void converse(struct talk *t, bool here)
{
	const char *line;

	while (!t->gone && input_line(t->input, &line) == TYPED_LINE) {
		if (text_blank(line))
			continue;
		if (*line != '/')
			say(t, line);
		else if (!command(t, line, here))
			break;
		if (input_ended(t->input))
			break;
	}
	if (t->gone)
		t->o->status = EXIT_FAILED;
}

/* What the server in this process logs would be written across the screen. */
struct aside {
	const char *path;
	int stderr_was;
	off_t size;
};

static void log_aside(struct aside *a)
{
	struct stat st;
	int fd = open(a->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	a->stderr_was = -1;
	if (fd < 0) {
		log_warn("%s cannot be written: what the server has to say comes here", a->path);
		return;
	}
	a->size = fstat(fd, &st) == 0 ? st.st_size : 0;
	fflush(stderr);
	a->stderr_was = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static void log_back(const struct aside *a)
{
	struct stat st;

	if (a->stderr_was < 0)
		return;
	fflush(stderr);
	if (fstat(STDERR_FILENO, &st) == 0 && st.st_size > a->size)
		printf("* The server had something to say: %s\n", a->path);
	dup2(a->stderr_was, STDERR_FILENO);
	close(a->stderr_was);
}

static void welcome(const struct talk *t, bool here)
{
	if (t->o->as)
		screen_note(t->screen, "You are %s.", t->o->as);
	else
		screen_note(t->screen, "You are a visitor; --as CUSTOMER makes you a customer.");
	screen_note(t->screen, "The server %s %s. /help helps, Ctrl-D ends.",
	    here ? "runs in this program, at" : "is", t->api.address);
}

static void talk(struct talk *t, bool here)
{
	struct aside aside = { .path = t->o->log };
	bool quiet = here && input_on_terminal(t->input) && t->o->log;
	struct err e;

	t->screen = screen_new(t->mem, t->input);
	if (begin(t, here, &e) < 0) {
		input_close(t->input);
		fprintf(stderr, "frontdesk chat: %s\n", harmless(t->mem, e.msg));
		t->o->status = EXIT_FAILED;
		return;
	}
	if (quiet)
		log_aside(&aside);
	welcome(t, here);
	converse(t, here);
	if (t->conversation)
		leave(t);
	input_close(t->input);
	if (quiet)
		log_back(&aside);
}

void chat_talk(void *self, struct world *w, const char *address, bool here)
{
	struct talk t = { .o = self, .world = w, .mem = arena_new() };
	const char *key = getenv("FRONTDESK_API_KEY");
	struct err e;

	t.api = (struct chat_api){ .address = address, .key = key && *key ? key : NULL };
	signal_init(&t.changed);
	t.api.http = http_client_new(w, CONNECTIONS, &e);
	if (t.api.http)
		t.input = input_open(w, &t.changed, &e);
	if (t.input) {
		talk(&t, here);
	} else {
		fprintf(stderr, "frontdesk chat: %s\n", e.msg);
		t.o->status = EXIT_FAILED;
	}
	if (t.api.http)
		http_client_free(t.api.http);
	arena_free(t.mem);
}
