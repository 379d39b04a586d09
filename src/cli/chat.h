#ifndef CLI_CHAT_H
#define CLI_CHAT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "cli/harmless.h"
#include "fiber/world.h"
#include "net/http_client.h"

#include <stdbool.h>
#include <stdint.h>

/* frontdesk chat: a customer at the terminal, as a client of the HTTP API like any other.
 *
 *     chat.c         the verb
 *     chat_talk.c    the conversation: what is typed goes out, one message at a time
 *     chat_show.c    what the conversation's log holds, as it grows, for the screen
 *     chat_api.c     requests
 *     chat_input.c   lines, from the terminal (libedit) or from a pipe; Ctrl-C
 *     chat_screen.c  text on the terminal, made harmless
 *
 * All of it on the loop's thread; what waits is a fiber. */

/* chat_input.c.  Where stdin and stdout are a terminal a line can be edited, and earlier ones come
 * back; else lines are read as they are.  Signals that end a program (and Ctrl-C) arrive here. */

struct input;

enum typed {
	TYPED_LINE,
	TYPED_END,       /* Ctrl-D, the end of the pipe, or the program was told to end */
	TYPED_INTERRUPT, /* Ctrl-C */
};

/* `changed` is woken whenever something has happened here. */
struct input *input_open(struct world *w, struct signal *changed, struct err *e);
void input_close(struct input *in); /* the terminal is as it was; from a fiber */
bool input_on_terminal(const struct input *in);
/* Ask for a line and wait for it; without its end, until the next call. */
enum typed input_line(struct input *in, const char **line);
/* Has Ctrl-C been pressed since the last time somebody asked?  Should we end? */
bool input_interrupted(struct input *in);
bool input_ended(const struct input *in);
/* Around whatever is printed: the line that is being typed makes room, and comes back. */
void input_aside(struct input *in);
void input_back(struct input *in);

/* chat_screen.c. */

struct screen;

struct screen *screen_new(struct arena *mem, struct input *in);
/* What somebody says: in one piece or several, behind their name.  screen_said(): that was all. */
void screen_say(struct screen *s, const char *who, const char *text);
void screen_said(struct screen *s);
/* A line about the conversation. */
void screen_note(struct screen *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A look-up that has begun, and how it ended. */
void screen_lookup(struct screen *s, const char *id, const char *shown);
void screen_looked(struct screen *s, const char *id, bool ok);

/* chat_api.c. */

struct chat_api {
	struct world *world;
	struct http_client *http;
	const char *address; /* "http://127.0.0.1:8080" */
	const char *key;     /* the API key; NULL: none */
};

/* POST, and the whole answer; *out in mem.  -1: ERR_IO, ERR_TIMEOUT: it may be asked again with
 * the same Idempotency-Key (`once`, may be NULL); else what the server said. */
int chat_post(const struct chat_api *a, struct arena *mem, const char *path, const char *bearer,
    const char *once, const json_t *body, json_t **out, struct err *e);

typedef void chat_event_fn(void *self, const json_t *event);

/* The conversation's events after *seq, live, which is moved on; until the stream ends: -1. */
int chat_follow(const struct chat_api *a, const char *id, const char *token, int64_t *seq,
    chat_event_fn *fn, void *self, struct err *e);

/* chat_show.c: from the events to the screen. */

struct show {
	struct screen *screen;
	struct signal *changed;
	struct arena *mem;  /* a conversation's */
	bool waiting;       /* somebody sits and waits for a turn: it is shown as it goes */
	int64_t seq;        /* of the last event seen */
	const char *person; /* who answers: NULL: the AI */
	const char *turn;   /* that is being shown */
	struct buf said;    /* of its reply, so far */
	int escalated;      /* its heaviest escalation */
	const char *ended;  /* the turn that ended last */
};

void show_event(void *self, const json_t *event);
/* The turn goes on and is no longer watched: its reply is shown when it is there. */
void show_leave(struct show *s);

/* chat_talk.c. */

struct chat_options {
	const char *as;  /* customer id; NULL: nobody in particular */
	const char *log; /* file for what the server in this process logs; NULL: there is none */
	int status;      /* of the process, afterwards */
};

/* On a fiber: until whoever sits there ends it.  `self` is a struct chat_options; the rest is as
 * for service_options.ready. */
void chat_talk(void *self, struct world *w, const char *address, bool here);

#endif
