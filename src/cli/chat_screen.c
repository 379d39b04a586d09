#include "cli/chat.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define LOOKUPS_MAX 40 /* shown at once */

struct lookup {
	const char *id, *shown;
	bool ended;
};

struct screen {
	struct arena *mem;
	struct input *input;
	bool terminal, colour;
	bool mid_line; /* somebody is speaking */
	/* The look-ups on the last rows, while nothing else stands below them. */
	struct lookup lookups[LOOKUPS_MAX];
	int nlookups;
};

struct screen *screen_new(struct arena *mem, struct input *in)
{
	struct screen *s = arena_new_of(mem, struct screen);
	const char *plain = getenv("NO_COLOR");

	s->mem = mem;
	s->input = in;
	s->terminal = input_on_terminal(in);
	s->colour = s->terminal && !(plain && *plain);
	return s;
}

static void begin(struct screen *s)
{
	input_aside(s->input);
}

static void end(struct screen *s)
{
	fflush(stdout);
	if (!s->mid_line)
		input_back(s->input);
}

static void close_line(struct screen *s)
{
	if (s->mid_line)
		putchar('\n');
	s->mid_line = false;
}

void screen_say(struct screen *s, const char *who, const char *text)
{
	struct arena *mem = arena_new();

	begin(s);
	s->nlookups = 0;
	if (!s->mid_line)
		printf(s->colour ? "\033[1m%s>\033[0m " : "%s> ", harmless(mem, who));
	s->mid_line = true;
	fputs(harmless(mem, text), stdout);
	end(s);
	arena_free(mem);
}

void screen_said(struct screen *s)
{
	if (!s->mid_line)
		return;
	begin(s);
	close_line(s);
	end(s);
}

void screen_note(struct screen *s, const char *fmt, ...)
{
	struct arena *mem = arena_new();
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = harmless(mem, arena_vprintf(mem, fmt, ap));
	va_end(ap);
	begin(s);
	s->nlookups = 0;
	close_line(s);
	printf(s->colour ? "\033[2m* %s\033[0m\n" : "* %s\n", text);
	end(s);
	arena_free(mem);
}

static int columns_of(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* The beginning of a text that fits on a row with `room` columns. */
static size_t fitting(const char *s, int room)
{
	size_t n = strlen(s), at = 0;
	mbstate_t state = { 0 };
	wchar_t c;

	while (at < n) {
		size_t len = mbrtowc(&c, s + at, n - at, &state);
		int width = len == (size_t)-1 || len == (size_t)-2 ? -1 : wcwidth(c);

		if (width < 0 || width > room)
			break;
		room -= width;
		at += len;
	}
	return at;
}

static void put_lookup(const struct screen *s, const char *sign, const char *shown)
{
	size_t n = s->terminal ? fitting(shown, columns_of(STDOUT_FILENO) - 6) : strlen(shown);

	printf(s->colour ? "\033[2m  %s %.*s\033[0m" : "  %s %.*s", sign, (int)n, shown);
}

void screen_lookup(struct screen *s, const char *id, const char *shown)
{
	begin(s);
	close_line(s);
	if (s->nlookups == LOOKUPS_MAX)
		s->nlookups = 0; /* those above keep their dots */
	s->lookups[s->nlookups++] =
	    (struct lookup){ arena_strdup(s->mem, id), harmless(s->mem, shown), false };
	put_lookup(s, "…", s->lookups[s->nlookups - 1].shown);
	putchar('\n');
	end(s);
}

void screen_looked(struct screen *s, const char *id, bool ok)
{
	for (int i = 0; i < s->nlookups; i++) {
		struct lookup *l = &s->lookups[i];

		if (l->ended || !text_is(l->id, id))
			continue;
		l->ended = true;
		begin(s);
		if (s->terminal) {
			printf("\033[%dA\r\033[K", s->nlookups - i);
			put_lookup(s, ok ? "✓" : "✗", l->shown);
			printf("\033[%dB\r", s->nlookups - i);
		} else if (!ok) {
			printf("  ✗ %s: that failed\n", l->shown);
		}
		end(s);
		return;
	}
}
