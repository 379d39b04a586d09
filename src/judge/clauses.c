#include "judge/clauses.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* One pass over the words.  A word that joins, a comma or the end of a sentence closes the clause
 * before it; an opening is remembered until the sentence ends. */

struct word {
	const char *s;
	size_t n;
};

struct cutter {
	struct arena *mem;
	const char **out;
	size_t n;
	const char *start, *end; /* of the clause being read; NULL: no word yet */
	const char *opening;     /* of an earlier clause of this sentence, or NULL */
	size_t sentence;         /* how many clauses there were when this sentence began */
};

/* To add a word, add it: no order is needed. */
static const char *const joiners[] = { "and", "also", "then", "but", "additionally", "furthermore",
	"moreover" };

/* Longer ones first where one begins the other. */
static const char *const openings[] = { "can you please", "can you", "could you please",
	"could you", "would you please", "would you", "will you", "can i", "could i", "may i",
	"how can i", "how could i", "how do i", "how would i", "how to", "where can i",
	"where do i", "when can i", "i want to", "i wanna", "i would like to", "i'd like to",
	"id like to", "i need to", "i have to", "i want you to", "i need you to", "i'd like you to",
	"i would like you to", "i need help to", "help me", "help me to", "please", "pls", "kindly",
	"i am trying to", "i'm trying to", "im trying to", "i wish to", "let me", "we want to",
	"we would like to", "we'd like to", "we need to", "is it possible to", "i need", "i want",
	"i'd like", "i would like" };

/* A clause that begins with one of these needs no opening of another's. */
static const char *const own_starts[] = { "i", "i'm", "im", "i'd", "i've", "ive", "i'll", "you",
	"he", "she", "it", "it's", "its", "we", "they", "this", "that", "there", "is", "are", "was",
	"were", "do", "does", "did", "can", "could", "would", "will", "should", "has", "have",
	"had", "what", "what's", "whats", "when", "where", "where's", "wheres", "which", "who",
	"why", "how", "my", "your", "the", "a", "an", "no", "not", "yes", "please", "if", "because",
	"since", "so", "need", "want", "wanna" };

static const char *const determiners[] = { "a", "an", "the", "my", "your", "his", "her", "our",
	"their", "this", "that", "these", "those", "some", "one", "two", "three", "both" };

static const char *const courtesies[] = { "hi", "hello", "hey", "hiya", "dear", "good", "morning",
	"afternoon", "evening", "day", "there", "all", "team", "sir", "madam", "folks", "guys",
	"everyone", "thanks", "thank", "thx", "ty", "cheers", "you", "very", "much", "so", "a",
	"lot", "many", "in", "advance", "please", "pls", "kind", "best", "regards", "sincerely",
	"greetings", "ok", "okay", "well", "sorry", "excuse", "me" };

static bool is_one_of(struct word w, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncasecmp(list[i], w.s, w.n) == 0 && list[i][w.n] == '\0')
			return true;
	return false;
}

#define word_in(w, list) is_one_of((w), (list), array_len(list))

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '\'' || (unsigned char)c >= 0x80;
}

static struct word word_at(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && in_word(*p))
		p++;
	return (struct word){ s, (size_t)(p - s) };
}

/* How many bytes of s are an opening?  Words end where it ends. */
static size_t opening_of(const char *s)
{
	size_t longest = 0;

	for (size_t i = 0; i < array_len(openings); i++) {
		const size_t n = strlen(openings[i]);

		if (n > longest && strncasecmp(s, openings[i], n) == 0 && !in_word(s[n]))
			longest = n;
	}
	return longest;
}

static bool is_courtesy(const char *s)
{
	const char *const end = s + strlen(s);

	while (s < end) {
		const struct word w = word_at(s, end);

		if (w.n && !word_in(w, courtesies))
			return false;
		s += w.n ? w.n : 1;
	}
	return true;
}

/* "boots" or "my boots": one more thing of the clause before, and no wish of its own. */
static bool is_thing(const char *s)
{
	const char *const end = s + strlen(s);
	const struct word first = word_at(s, end);
	size_t words = 0;

	while (s < end) {
		const size_t n = word_at(s, end).n;

		words += n > 0;
		s += n ? n : 1;
	}
	return words == 1 || (words == 2 && word_in(first, determiners));
}

static void close_clause(struct cutter *c)
{
	const char *text;
	size_t opening;

	if (!c->start)
		return;
	text = arena_strndup(c->mem, c->start, (size_t)(c->end - c->start));
	c->start = NULL;
	if (c->n > c->sentence && is_thing(text))
		return;
	opening = opening_of(text);
	if (opening)
		c->opening = arena_strndup(c->mem, text, opening);
	else if (c->opening && !word_in(word_at(text, text + strlen(text)), own_starts))
		text = arena_printf(c->mem, "%s %s", c->opening, text);
	c->out[c->n++] = text;
}

static void close_sentence(struct cutter *c)
{
	close_clause(c);
	c->opening = NULL;
	c->sentence = c->n;
}

static void take(struct cutter *c, const char *s, size_t n)
{
	if (!c->start)
		c->start = s;
	c->end = s + n;
}

static bool ends_sentence(const char *s, const char *end)
{
	const bool last = s + 1 == end || isspace((unsigned char)s[1]);

	return *s == '\n' || *s == ';' || *s == '?' || *s == '!' || (*s == '.' && last);
}

/* Greetings and thanks around a request say nothing about it. */
static size_t without_courtesies(const char **clauses, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++)
		if (!is_courtesy(clauses[i]))
			clauses[to++] = clauses[i];
	return to ? to : n;
}

/* Telephones write curly apostrophes. */
static const char *with_plain_apostrophes(struct arena *mem, const char *text, size_t *n)
{
	char *s = arena_memdup(mem, text, *n);
	size_t to = 0;

	for (size_t i = 0; i < *n; i++) {
		if (i + 2 < *n && memcmp(s + i, "\xe2\x80\x99", 3) == 0) {
			s[to++] = '\'';
			i += 2;
		} else {
			s[to++] = s[i];
		}
	}
	*n = to;
	return s;
}

size_t clauses_of(struct arena *mem, const char *text, size_t n, const char *out[CLAUSES_MAX])
{
	const char *const plain = with_plain_apostrophes(mem, text, &n);
	const char *const end = plain + n;
	struct cutter c = { .mem = mem, .out = out };

	for (const char *s = plain; s < end;) {
		const struct word w = word_at(s, end);
		const bool room = c.n + 1 < CLAUSES_MAX;

		if (w.n && !(room && word_in(w, joiners))) {
			take(&c, s, w.n);
		} else if (room && !w.n && ends_sentence(s, end)) {
			if (c.start && (*s == '?' || *s == '!'))
				take(&c, s, 1);
			close_sentence(&c);
		} else if (room && (w.n || *s == ',' || *s == '&')) {
			close_clause(&c);
		}
		s += w.n ? w.n : 1;
	}
	close_clause(&c);
	return without_courtesies(out, c.n);
}
