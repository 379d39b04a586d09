#include "agent/recap.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A recap without a model: one bullet for each thing that matters, under five heads, oldest first.
 * What says the same as an earlier one takes its place.  Where there is too much, wants and
 * promises keep a quarter each, the newest; then the oldest facts go, then the rest of those.  What
 * was done and what is open stays, up to twice the size; beyond, the oldest are counted. */

#define BULLET_MAX 300
#define WANT_MAX   200
#define CALL_MAX   90
#define DEPTH_MAX  6

enum head_line {
	WANTS,
	FACTS,
	DONE,
	PROMISED,
	OPEN,
	HEADS
};

static const char *const heads[HEADS] = { "Wants", "Facts", "Done", "Promised", "Open" };

struct list {
	const char **at;
	int n, room;
	int uncounted; /* bullets that went and must be told of */
};

struct notes {
	struct arena *mem;
	struct list under[HEADS];
};

/* One line, not longer than this, with no blanks around it. */
static const char *line(struct arena *mem, const char *s, size_t n, size_t max)
{
	size_t cut;
	char *out;

	while (n && (unsigned char)s[n - 1] <= ' ')
		n--;
	for (; n && (unsigned char)*s <= ' '; n--)
		s++;
	cut = text_utf8_cut(s, n, max);
	out = arena_printf(mem, "%.*s%s", (int)cut, s, cut < n ? "..." : "");
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return out;
}

static void drop(struct list *l, int i)
{
	memmove(&l->at[i], &l->at[i + 1], sizeof(*l->at) * (size_t)(l->n - i - 1));
	l->n--;
}

/* `same`: bytes that must be equal for the new one to be news of the same thing. */
static void add(struct notes *k, enum head_line head, const char *bullet, size_t same)
{
	struct list *l = &k->under[head];

	for (int i = l->n - 1; i >= 0; i--)
		if (!strncmp(l->at[i], bullet, same))
			drop(l, i);
	if (l->n == l->room) {
		const char **more = arena_array(k->mem, const char *, l->room * 2 + 16);

		if (l->n)
			memcpy(more, l->at, sizeof(*more) * (size_t)l->n);
		l->at = more;
		l->room = l->room * 2 + 16;
	}
	l->at[l->n++] = bullet;
}

static void add_text(struct notes *k, enum head_line head, const char *s, size_t n, size_t max)
{
	const char *bullet = line(k->mem, s, n, max);

	if (!text_blank(bullet))
		add(k, head, bullet, strlen(bullet) + 1);
}

static const char *between(const struct buf *out)
{
	return !out->len ? "" : out->data[out->len - 1] == ';' ? " " : ", ";
}

/* The scalars of a value, "key=value, ...", rows apart by semicolons, as long as there is room.
 * That rows were not cut is no news. */
static void scalars(struct buf *out, const char *key, const json_t *v, int depth, struct arena *mem)
{
	const char *name;
	json_t *member;
	size_t i;

	if (out->len > BULLET_MAX || depth > DEPTH_MAX || json_is_null(v))
		return;
	if (json_is_object(v)) {
		json_object_foreach (json_unconst(v), name, member)
			if (!text_is(name, "truncated") || !json_is_false(member))
				scalars(out, name, member, depth + 1, mem);
	} else if (json_is_array(v)) {
		json_array_foreach (v, i, member) {
			if (i && json_is_object(member) && out->len)
				buf_adds(out, ";");
			scalars(out, key, member, depth + 1, mem);
		}
	} else {
		buf_printf(out, "%s%s%s%s", between(out), key, *key ? "=" : "",
		    json_is_string(v) ? json_string_value(v) : json_text(mem, v));
	}
}

static const char *scalars_of(struct notes *k, const json_t *v, size_t max)
{
	struct buf out = { 0 };
	const char *s;

	scalars(&out, "", v, 0, k->mem);
	s = line(k->mem, buf_str(&out), out.len, max);
	buf_done(&out);
	return s;
}

static void result(struct notes *k, const struct wire_call *call, const struct wire_result *r)
{
	const char *with = scalars_of(k, call->arguments, CALL_MAX);
	const char *what = *with ? arena_printf(k->mem, "%s(%s)", call->name, with) : call->name;
	struct err e;
	const json_t *value = r->ok ? json_read_in(k->mem, r->text, strlen(r->text), &e) : NULL;
	const char *said = value ? scalars_of(k, value, BULLET_MAX) : r->text;
	const char *bullet;

	if (text_blank(said))
		said = call->write ? "done" : "nothing was found";
	bullet = arena_printf(k->mem, "%s: %s", what, line(k->mem, said, strlen(said), BULLET_MAX));
	if (text_is(call->name, "escalate_to_human") || (!r->ok && !call->write))
		return; /* the first is open by its note */
	if (r->ok && call->write)
		add(k, DONE, bullet, strlen(bullet) + 1);
	else
		add(k, FACTS, bullet, strlen(what) + 1);
}

/* Does it say what will happen? */
static bool promises(const char *s, size_t n)
{
	static const char *const words[] = { " will ", "'ll ", "going to ", "promise", "guarantee",
		" werde", " wird " };

	for (size_t i = 0; i < n; i++)
		for (size_t w = 0; w < array_len(words); w++)
			if (n - i >= strlen(words[w]) &&
			    !strncasecmp(s + i, words[w], strlen(words[w])))
				return true;
	return false;
}

static void promised(struct notes *k, const char *s)
{
	size_t left = strlen(s), n;

	for (; left; s += n, left -= n) {
		n = reply_sentence(s, left);
		if (!n)
			n = left;
		if (promises(s, n) && s[n - 1] != '?')
			add_text(k, PROMISED, s, n, BULLET_MAX);
	}
}

static bool letter(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Words that ask for nothing.  A yes is to a question, and what came of it stands elsewhere. */
static bool polite(const char *word, size_t n)
{
	static const char *const words[] = { "a", "afternoon", "bye", "cool", "danke", "day",
		"dear", "evening", "good", "great", "guten", "hallo", "hello", "hey", "hi", "hm",
		"hmm", "ja", "lot", "morning", "much", "nein", "no", "oh", "ok", "okay", "perfect",
		"please", "so", "sure", "tag", "thank", "thanks", "there", "very", "yeah", "yes",
		"you" };

	for (size_t i = 0; i < array_len(words); i++)
		if (strlen(words[i]) == n && !strncasecmp(word, words[i], n))
			return true;
	return false;
}

static bool only_polite(const char *s, size_t n)
{
	size_t word;

	for (; n; s += word, n -= word) {
		for (word = 0; word < n && letter(s[word]);)
			word++;
		if (word && !polite(s, word))
			return false;
		if (!word)
			word = 1;
	}
	return true;
}

/* What is left of a message without its greetings and thanks. */
static void wanted(struct notes *k, const char *s)
{
	size_t left = strlen(s), n;
	struct buf out = { 0 };

	for (; left && out.len <= WANT_MAX; s += n, left -= n) {
		n = reply_sentence(s, left);
		if (!n)
			n = left;
		if (!only_polite(s, n))
			buf_add(&out, s, n);
	}
	add_text(k, WANTS, buf_str(&out), out.len, WANT_MAX);
	buf_done(&out);
}

/* Who was asked for has come: what was open is in their hands. */
static void person_said(struct notes *k, const struct wire_message *m)
{
	const char *s = arena_printf(
	    k->mem, "%s (a colleague) said: %s", m->author ? m->author : "Somebody", m->text);

	k->under[OPEN].n = 0;
	add_text(k, FACTS, s, strlen(s), BULLET_MAX);
	promised(k, m->text);
}

/* "Wants:", also as "## Wants:" or "**Wants:**"; HEADS: it is none. */
static enum head_line head_of(const char *s, size_t n)
{
	size_t mark = strspn(s, "*# \t"), h = 0;

	while (h < HEADS && (strncasecmp(s + mark, heads[h], strlen(heads[h])) != 0 ||
				s[mark + strlen(heads[h])] != ':'))
		h++;
	return n < 24 ? (enum head_line)h : HEADS;
}

/* The recap before.  Lines under no head of ours are facts; what it counted stays counted. */
static void merge(struct notes *k, const char *s)
{
	enum head_line head = FACTS, found;
	size_t n, mark;
	int count;

	for (; *s; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		mark = n > 2 && strchr("-*", *s) && s[1] == ' ' ? 2 : 0;
		found = mark ? HEADS : head_of(s, n);
		if (found != HEADS)
			head = found;
		else if (sscanf(s + mark, "(%d before these)", &count) == 1)
			k->under[head].uncounted += count;
		else
			add_text(k, head, s + mark, n - mark, 2 * BULLET_MAX);
	}
}

static void take(struct notes *k, const struct wire *w, int i)
{
	const struct wire_message *m = wire_at(w, i);

	switch (m->role) {
	case WIRE_RECAP: merge(k, m->text); break;
	case WIRE_CUSTOMER: wanted(k, m->text); break;
	case WIRE_AI:
		if (m->text)
			promised(k, m->text);
		break;
	case WIRE_RESULTS:
		for (int c = 0; i && c < m->n; c++)
			result(k, &wire_at(w, i - 1)->calls[c], &m->results[c]);
		break;
	case WIRE_PERSON: person_said(k, m); break;
	case WIRE_NOTE:
		if (!text_is(m->text, wire_cut_short))
			add_text(k, OPEN, m->text, strlen(m->text), BULLET_MAX);
		break;
	}
}

static size_t size_of(const struct list *l)
{
	size_t n = 0;

	for (int i = 0; i < l->n; i++)
		n += strlen(l->at[i]) + 3;
	return n;
}

static size_t size(const struct notes *k)
{
	size_t n = HEADS * 30; /* heads and counts */

	for (int h = 0; h < HEADS; h++)
		n += size_of(&k->under[h]);
	return n;
}

static void shrink(struct notes *k, size_t max)
{
	static const enum head_line first[] = { FACTS, WANTS, PROMISED }, last[] = { DONE, OPEN };
	struct list *l = k->under;

	while (size(k) > max && size_of(&l[WANTS]) > max / 4)
		drop(&l[WANTS], 0);
	while (size(k) > max && size_of(&l[PROMISED]) > max / 4)
		drop(&l[PROMISED], 0);
	for (size_t i = 0; i < array_len(first); i++)
		while (l[first[i]].n && size(k) > max)
			drop(&l[first[i]], 0);
	for (size_t i = 0; i < array_len(last); i++)
		while (l[last[i]].n && size(k) > 2 * max) {
			drop(&l[last[i]], 0);
			l[last[i]].uncounted++;
		}
}

static const char *write_down(const struct notes *k)
{
	struct buf out = { 0 };
	const char *s;

	for (int h = 0; h < HEADS; h++) {
		const struct list *l = &k->under[h];

		if (l->n || l->uncounted)
			buf_printf(&out, "%s%s:\n", out.len ? "\n" : "", heads[h]);
		if (l->uncounted)
			buf_printf(&out, "- (%d before these)%s", l->uncounted, l->n ? "\n" : "");
		for (int i = 0; i < l->n; i++)
			buf_printf(&out, "- %s%s", l->at[i], i < l->n - 1 ? "\n" : "");
	}
	s = arena_strdup(k->mem, out.len ? out.data : "Facts:\n- (nothing that matters)");
	buf_done(&out);
	return s;
}

const char *recap_extract(struct arena *mem, const struct wire *w, int n, size_t max)
{
	struct notes k = { .mem = mem };

	for (int i = 0; i < n; i++)
		take(&k, w, i);
	shrink(&k, max);
	return write_down(&k);
}
