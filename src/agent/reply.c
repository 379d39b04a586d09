#include "agent/turn.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Sentences on their way.
 *
 * While somebody reads along, each whole sentence is an event of its own and committed before it
 * can be seen; without a reader there are no parts.  A sentence about money, promises or actions
 * waits until the step is over (only then is it known whether it is true), and whatever follows it
 * waits too, so that the order stays. */

void reply_begin(struct reply *r, struct turn *t)
{
	buf_clear(&r->text);
	*r = (struct reply){ .turn = t, .text = r->text, .run = turn_head(t)->seq };
}

void reply_done(struct reply *r)
{
	buf_done(&r->text);
}

static bool closes(char c)
{
	return c == '"' || c == '\'' || c == ')' || c == ']' || c == '*';
}

size_t reply_sentence(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t end = i + 1;

		if (s[i] == '\n') {
			while (end < n && s[end] == '\n')
				end++;
			return end < n ? end : 0;
		}
		if (s[i] != '.' && s[i] != '!' && s[i] != '?')
			continue;
		while (
		    end < n && (closes(s[end]) || s[end] == '.' || s[end] == '!' || s[end] == '?'))
			end++;
		if (end >= n || !isspace((unsigned char)s[end]))
			continue; /* "3.50", "e.g.,": no end, or not known yet */
		while (end < n && isspace((unsigned char)s[end]))
			end++;
		if (end < n && !islower((unsigned char)s[end]))
			return end;
	}
	return 0;
}

/* Does it end where a sentence may?  "3." may have been going to be "3.50". */
static bool ends_well(const char *s, size_t n)
{
	while (n && (isspace((unsigned char)s[n - 1]) || closes(s[n - 1])))
		n--;
	if (n < 2 || !strchr(".!?", s[n - 1]))
		return false;
	return s[n - 1] != '.' || !isdigit((unsigned char)s[n - 2]);
}

size_t reply_whole(const char *s, size_t n)
{
	size_t at = 0, next;

	while ((next = reply_sentence(s + at, n - at)))
		at += next;
	return ends_well(s + at, n - at) ? n : at;
}

/* Is it about money, promises or actions, so that it waits for the end of the step? */
static bool waits(const char *s, size_t n)
{
	static const char *const words[] = { "refund", "cancel", "credit", "waive",
		"free of charge", "guarantee", "promise", "will ", "'ll ", "have been", "has been",
		"i have", "i've", "call you back", "deliver" };

	for (size_t i = 0; i < n; i++) {
		if ((s[i] >= '0' && s[i] <= '9') || s[i] == '$' ||
		    (unsigned char)s[i] == 0xE2 /* the euro sign's first byte */)
			return true;
		for (size_t w = 0; w < array_len(words); w++)
			if (n - i >= strlen(words[w]) &&
			    !strncasecmp(s + i, words[w], strlen(words[w])))
				return true;
	}
	return false;
}

static int release(struct reply *r, size_t n, struct err *e)
{
	json_t *data = json_pack(
	    "{ss% sI}", "content", r->text.data + r->released, n, "run", (json_int_t)r->run);

	if (!data) { /* not UTF-8: the model's answer will be refused as a whole */
		r->held = true;
		return 0;
	}
	r->released += n;
	if (turn_append(r->turn, &(struct draft){ EVENT_PART, data, NULL }, 1, e) < 0)
		return -1;
	return conversation_settle(r->turn->c, turn_head(r->turn)->seq, e);
}

static int text(void *self, const char *s, size_t n, struct err *e)
{
	struct reply *r = self;

	buf_add(&r->text, s, n);
	while (!r->held && conversation_live(r->turn->c)) {
		size_t end = reply_sentence(r->text.data + r->released, r->text.len - r->released);

		if (!end)
			return 0;
		r->held = waits(r->text.data + r->released, end);
		if (!r->held && release(r, end, e) < 0) {
			r->failed = true;
			return -1;
		}
	}
	return 0;
}

struct model_sink reply_sink(struct reply *r)
{
	return (struct model_sink){ .text = text, .self = r };
}
