#include "cli/chat.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <wchar.h>

/* libedit would read the terminal itself and wait there, and the loop with it.  So the bytes are
 * taken when the loop has them, and libedit (unbuffered: a key at a time) is asked for a key only
 * when a whole one is here; a key that stays half is given to it after a moment (Escape alone). */

#define HALF_KEY_MS    50
#define HISTORY_SIZE   200
#define LINE_MAX_BYTES ((size_t)1 << 20)

struct input {
	struct signal *changed;
	uv_poll_t poll;
	uv_timer_t half;
	uv_signal_t signals[5];
	int handles; /* that are not closed yet */
	bool polls;  /* a file is not polled: it can always be read */

	EditLine *el; /* NULL: no terminal */
	History *history;
	bool editing; /* the prompt stands there */
	bool aside;

	char bytes[4096];
	size_t n; /* arrived, and not used */
	bool eof;
	struct buf line;
	bool have_line;

	int interrupts;
	bool told_to_end;

	bool opened;
	struct err failure; /* code ERR_NONE: it was opened well */
};

static const char *prompt(EditLine *el)
{
	(void)el;
	return "you> ";
}

static void use(struct input *in, size_t n)
{
	in->n -= n;
	memmove(in->bytes, in->bytes + n, in->n);
}

/* libedit wants a character: 1, or 0 when there is none. */
static int next_character(EditLine *el, wchar_t *out)
{
	struct input *in;
	mbstate_t state = { 0 };
	size_t n;

	el_get(el, EL_CLIENTDATA, &in);
	if (!in->n)
		return 0;
	n = mbrtowc(out, in->bytes, in->n, &state);
	if (n == (size_t)-1 || n == (size_t)-2) {
		*out = L'?';
		n = 1;
	}
	use(in, n ? n : 1);
	return 1;
}

/* Is what arrived at least one whole key?  ESC [ ... letter, ESC O letter, ESC letter, UTF-8. */
static bool whole_key(const struct input *in)
{
	const unsigned char *b = (const unsigned char *)in->bytes;
	size_t want;

	if (!in->n)
		return false;
	if (b[0] == 0x1b) {
		if (in->n < 2 || (b[1] == 'O' && in->n < 3))
			return false;
		if (b[1] != '[')
			return true;
		for (size_t i = 2; i < in->n; i++)
			if (b[i] >= 0x40)
				return true;
		return false;
	}
	want = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : b[0] >= 0xc0 ? 2 : 1;
	return in->n >= want;
}

static void line_is(struct input *in, const char *bytes, size_t n)
{
	buf_clear(&in->line);
	buf_add(&in->line, bytes, n);
	in->have_line = true;
}

static bool is_empty(const struct input *in)
{
	const LineInfo *info = el_line(in->el);

	return info->lastchar == info->buffer;
}

/* One key for libedit, which does not tell an end of file from a line that is empty. */
static void edit_key(struct input *in)
{
	const char *text;
	int n = 0;

	if (in->bytes[0] == ('D' & 31) && is_empty(in)) {
		in->eof = true;
		return;
	}
	text = el_gets(in->el, &n);
	if (text && n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		line_is(in, text, (size_t)n - 1);
}

static void on_half_key(uv_timer_t *t)
{
	struct input *in = t->data;

	if (in->editing && in->n && !in->have_line)
		edit_key(in);
	signal_wake_all(in->changed);
}

static void edit(struct input *in)
{
	while (!in->have_line && !in->eof && whole_key(in))
		edit_key(in);
	if (in->n && !in->have_line && !in->eof)
		uv_timer_start(&in->half, on_half_key, HALF_KEY_MS, 0);
}

/* Without a terminal: up to the next newline, or to the end. */
static void cut_line(struct input *in)
{
	const char *end = memchr(in->bytes, '\n', in->n);
	size_t n = end ? (size_t)(end - in->bytes) : in->n;

	buf_add(&in->line, in->bytes, n);
	use(in, end ? n + 1 : n);
	if (in->line.len > LINE_MAX_BYTES) {
		fprintf(stderr, "frontdesk chat: a line of more than 1 MiB is no message\n");
		in->eof = true;
	} else if (end || (in->eof && in->line.len)) {
		in->have_line = true;
	}
}

static void take(struct input *in)
{
	if (in->el)
		edit(in);
	else
		cut_line(in);
}

static void read_more(struct input *in)
{
	ssize_t n = read(STDIN_FILENO, in->bytes + in->n, sizeof(in->bytes) - in->n);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0)
		in->n += (size_t)n;
	else
		in->eof = true;
	take(in);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
	struct input *in = p->data;

	(void)events;
	if (status < 0)
		in->eof = true;
	else
		read_more(in);
	if (in->have_line || in->eof)
		uv_poll_stop(&in->poll);
	signal_wake_all(in->changed);
}

static void on_signal(uv_signal_t *h, int number)
{
	struct input *in = h->data;

	if (number == SIGWINCH && in->el) {
		el_resize(in->el);
	} else if (number == SIGCONT && in->el) {
		el_set(in->el, EL_PREP_TERM, 0);
		el_set(in->el, EL_PREP_TERM, 1);
		if (in->editing)
			el_set(in->el, EL_REFRESH);
	} else if (number == SIGINT) {
		in->interrupts++;
	} else if (number != SIGWINCH && number != SIGCONT) {
		in->told_to_end = true;
	}
	signal_wake_all(in->changed);
}

static void open_signals(struct input *in, uv_loop_t *loop)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT };

	for (size_t i = 0; i < array_len(numbers); i++) {
		uv_signal_init(loop, &in->signals[i]);
		in->signals[i].data = in;
		uv_signal_start(&in->signals[i], on_signal, numbers[i]);
	}
}

/* The terminal's text is UTF-8, whatever the environment says; the rest of the program does not
 * care for the locale. */
static int open_terminal(struct input *in, struct err *e)
{
	HistEvent event;

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return err_set(e, ERR_IO, "the system lacks the locale C.UTF-8");
	in->el = el_init("frontdesk", stdin, stdout, stderr);
	in->history = history_init();
	if (!in->el || !in->history)
		return err_set(e, ERR_IO, "libedit cannot use this terminal");
	history(in->history, &event, H_SETSIZE, HISTORY_SIZE);
	history(in->history, &event, H_SETUNIQUE, 1);
	el_set(in->el, EL_CLIENTDATA, in);
	el_set(in->el, EL_GETCFN, next_character);
	el_set(in->el, EL_PROMPT, prompt);
	el_set(in->el, EL_EDITOR, "emacs");
	el_set(in->el, EL_HIST, history, in->history);
	el_set(in->el, EL_PREP_TERM, 1); /* what is typed during a turn waits, unseen */
	return 0;
}

/* Reading a terminal's description takes more stack than a fiber has: this is the loop's. */
static void on_open(uv_timer_t *t)
{
	struct input *in = t->data;

	open_terminal(in, &in->failure);
	in->opened = true;
	signal_wake_all(in->changed);
}

static int await_terminal(struct input *in, struct err *e)
{
	uv_timer_start(&in->half, on_open, 0, 0);
	while (!in->opened)
		if (signal_wait(in->changed, FOREVER, e) < 0)
			return -1;
	if (in->failure.code == ERR_NONE)
		return 0;
	*e = in->failure;
	return -1;
}

static bool can_edit(void)
{
	const char *kind = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind && *kind &&
	       strcmp(kind, "dumb") != 0;
}

struct input *input_open(struct world *w, struct signal *changed, struct err *e)
{
	struct input *in = mem_new(struct input);
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	in->changed = changed;
	open_signals(in, world_loop(w));
	uv_timer_init(world_loop(w), &in->half);
	in->half.data = in;
	in->polls = uv_poll_init(world_loop(w), &in->poll, STDIN_FILENO) == 0;
	in->poll.data = in;
	/* What is set on stdin is set on the terminal, for all who share it. */
	if (in->polls && flags >= 0)
		fcntl(STDIN_FILENO, F_SETFL, flags);
	if (!can_edit() || await_terminal(in, e) == 0)
		return in;
	input_close(in);
	return NULL;
}

static void drop(uv_handle_t *h)
{
	struct input *in = h->data;

	if (--in->handles > 0)
		return;
	buf_done(&in->line);
	free(in);
}

void input_close(struct input *in)
{
	if (in->el) {
		el_set(in->el, EL_UNBUFFERED, 0);
		el_end(in->el); /* gives the terminal back */
	}
	if (in->history)
		history_end(in->history);
	in->el = NULL;
	in->handles = (int)array_len(in->signals) + 1 + in->polls;
	for (size_t i = 0; i < array_len(in->signals); i++)
		uv_close((uv_handle_t *)&in->signals[i], drop);
	uv_close((uv_handle_t *)&in->half, drop);
	if (in->polls)
		uv_close((uv_handle_t *)&in->poll, drop);
}

bool input_on_terminal(const struct input *in)
{
	return in->el;
}

static void ask(struct input *in)
{
	in->have_line = false;
	buf_clear(&in->line);
	if (in->el) {
		el_set(in->el, EL_UNBUFFERED, 1); /* shows the prompt */
		in->editing = true;
	}
	take(in); /* what was typed before it was asked for */
	if (!in->have_line && !in->eof && in->polls)
		uv_poll_start(&in->poll, UV_READABLE, on_readable);
}

static void asked(struct input *in)
{
	HistEvent event;

	uv_timer_stop(&in->half);
	if (in->polls)
		uv_poll_stop(&in->poll);
	if (!in->el) {
		if (in->have_line)
			printf("you> %s\n", buf_str(&in->line));
		fflush(stdout);
		return;
	}
	in->editing = false;
	el_set(in->el, EL_UNBUFFERED, 0);
	el_set(in->el, EL_PREP_TERM, 1);
	if (in->have_line && in->line.len)
		history(in->history, &event, H_ENTER, buf_str(&in->line));
	if (!in->have_line)
		putchar('\n');
	fflush(stdout);
}

enum typed input_line(struct input *in, const char **line)
{
	enum typed what = TYPED_LINE;
	struct err e;

	ask(in);
	while (!in->have_line && !in->eof && !in->interrupts && !in->told_to_end) {
		if (!in->polls)
			read_more(in);
		else if (signal_wait(in->changed, FOREVER, &e) < 0)
			in->told_to_end = true;
	}
	if (in->interrupts)
		what = TYPED_INTERRUPT;
	else if (!in->have_line || in->told_to_end)
		what = TYPED_END;
	asked(in);
	*line = buf_str(&in->line);
	return what;
}

bool input_interrupted(struct input *in)
{
	bool yes = in->interrupts > 0;

	in->interrupts = 0;
	return yes;
}

bool input_ended(const struct input *in)
{
	return in->told_to_end;
}

/* The line is taken off where it fits on one row; else it stays, and what comes goes below. */
void input_aside(struct input *in)
{
	const LineInfo *info;
	int columns = 80;

	if (!in->editing || in->aside)
		return;
	in->aside = true;
	info = el_line(in->el);
	el_get(in->el, EL_GETTC, "co", &columns);
	fputs(strlen(prompt(in->el)) + (size_t)(info->lastchar - info->buffer) < (size_t)columns
		  ? "\r\033[K"
		  : "\n",
	    stdout);
}

void input_back(struct input *in)
{
	if (!in->aside)
		return;
	in->aside = false;
	fflush(stdout);
	el_set(in->el, EL_REFRESH);
}
