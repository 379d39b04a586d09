#include "judge/features.h"

#include "base/err.h"
#include "base/text.h"

#include <libstemmer.h>
#include <stdbool.h>
#include <string.h>

/* A text becomes tokens (words, and '?' and '!' by themselves), these become features, and a
 * table with room for more than there can be counts them. */

#define LETTERS_MIN 2
#define LETTERS_MAX 5
#define WORD_MAX    64 /* longer ones are no words: their beginning will do */
#define COUNT_MAX   1000

struct token {
	const char *s;
	size_t n;
	bool word;
};

struct tokens {
	struct token *at;
	size_t n;
};

struct counter {
	struct feature *slots; /* count 0: free */
	size_t mask, used;
};

/* Phones and keyboards write the same words in different bytes: lower case (of ASCII and of the
 * Latin-1 letters), no apostrophes, one 0 for any number, a blank for typographic marks. */
static char *folded(struct arena *mem, const char *text, size_t *n)
{
	char *s = arena_memdup(mem, text, *n);
	size_t to = 0;

	for (size_t i = 0; i < *n; i++) {
		const unsigned char c = (unsigned char)s[i];
		const unsigned char before = to ? (unsigned char)s[to - 1] : 0;

		if (i + 2 < *n && memcmp(s + i, "\xe2\x80", 2) == 0) {
			if (s[i + 2] != '\x98' && s[i + 2] != '\x99') /* the curly apostrophes */
				s[to++] = ' ';
			i += 2;
		} else if (c >= 'A' && c <= 'Z') {
			s[to++] = (char)(c + 'a' - 'A');
		} else if (before == 0xc3 && c >= 0x80 && c <= 0x9e && c != 0x97) {
			s[to++] = (char)(c + 0x20);
		} else if (c >= '0' && c <= '9') {
			if (before != '0')
				s[to++] = '0';
		} else if (c != '\'' && c != '\0') {
			s[to++] = (char)c;
		}
	}
	*n = to;
	s[to] = '\0';
	return s;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || c == '0' || (unsigned char)c >= 0x80;
}

static bool is_mark(char c)
{
	return c == '?' || c == '!';
}

static struct tokens tokens_of(struct arena *mem, const char *s, size_t n)
{
	struct tokens t = { arena_array(mem, struct token, n + 1), 0 };

	for (size_t i = 0; i < n;) {
		const size_t start = i;

		while (i < n && is_word(s[i]))
			i++;
		if (i > start)
			t.at[t.n++] = (struct token){ s + start,
				text_utf8_cut(s + start, i - start, WORD_MAX), true };
		else if (is_mark(s[i++]))
			t.at[t.n++] = (struct token){ s + start, 1, false };
	}
	return t;
}

/* FNV-1a, with a last stir, since the upper bits choose a bucket (judge/lexicon.c). */
static uint64_t hash_add(uint64_t h, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
	return h;
}

static uint64_t hash_of(enum feature_group group)
{
	return hash_add(0xcbf29ce484222325u, &"wsl"[group], 1);
}

static void count(struct counter *c, enum feature_group group, uint64_t h)
{
	uint32_t hash;
	size_t at;

	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
	hash = (uint32_t)(h >> 32);
	for (at = hash & c->mask; c->slots[at].count; at = (at + 1) & c->mask) {
		if (c->slots[at].hash == hash) {
			if (c->slots[at].count < COUNT_MAX)
				c->slots[at].count++;
			return;
		}
	}
	c->slots[at] = (struct feature){ hash, (uint16_t)group, 1 };
	c->used++;
}

/* Each token and each pair of neighbours; the text's edges are neighbours, too. */
static void count_chain(struct counter *c, enum feature_group group, struct tokens t)
{
	static const struct token edge = { "^", 1, false };

	for (size_t i = 0; i <= t.n; i++) {
		const struct token left = i > 0 ? t.at[i - 1] : edge;
		const struct token right = i < t.n ? t.at[i] : edge;
		const uint64_t h = hash_add(hash_add(hash_of(group), left.s, left.n), " ", 1);

		if (i > 0)
			count(c, group, hash_add(hash_of(group), left.s, left.n));
		count(c, group, hash_add(h, right.s, right.n));
	}
}

/* The runs of letters of one word with a blank on either side. */
static void count_letters(struct counter *c, struct token word)
{
	char s[WORD_MAX + 2] = " ";
	size_t at[WORD_MAX + 3], letters = 0;

	memcpy(s + 1, word.s, word.n);
	s[word.n + 1] = ' ';
	for (size_t i = 0; i < word.n + 2; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			at[letters++] = i;
	at[letters] = word.n + 2;
	for (size_t from = 0; from < letters; from++)
		for (size_t n = LETTERS_MIN; n <= LETTERS_MAX && from + n <= letters; n++)
			count(c, FEATURE_LETTERS,
			    hash_add(
				hash_of(FEATURE_LETTERS), s + at[from], at[from + n] - at[from]));
}

static struct tokens stems_of(struct arena *mem, struct tokens t)
{
	struct sb_stemmer *stemmer = sb_stemmer_new("english", NULL);
	struct tokens stems = { arena_memdup(mem, t.at, t.n * sizeof(*t.at)), t.n };

	if (!stemmer)
		bug("libstemmer does not know English");
	for (size_t i = 0; i < t.n; i++) {
		const sb_symbol *word = (const sb_symbol *)t.at[i].s;

		if (!t.at[i].word)
			continue;
		word = sb_stemmer_stem(stemmer, word, (int)t.at[i].n);
		if (!word)
			bug("libstemmer has no memory");
		stems.at[i].n = (size_t)sb_stemmer_length(stemmer);
		stems.at[i].s = arena_memdup(mem, word, stems.at[i].n);
	}
	sb_stemmer_delete(stemmer);
	return stems;
}

static struct counter counter_for(struct arena *mem, struct tokens t)
{
	size_t room = 4 * (t.n + 1), size = 64;

	for (size_t i = 0; i < t.n; i++)
		room += (t.at[i].n + 2) * (LETTERS_MAX - LETTERS_MIN + 1);
	while (size < room + room / 2)
		size *= 2;
	return (struct counter){ arena_array(mem, struct feature, size), size - 1, 0 };
}

struct features features_of(struct arena *mem, const char *text, size_t n)
{
	const char *s = folded(mem, text, &n);
	const struct tokens words = tokens_of(mem, s, n);
	struct counter c = counter_for(mem, words);
	size_t to = 0;

	count_chain(&c, FEATURE_WORDS, words);
	count_chain(&c, FEATURE_STEMS, stems_of(mem, words));
	for (size_t i = 0; i < words.n; i++)
		if (words.at[i].word)
			count_letters(&c, words.at[i]);
	for (size_t i = 0; i <= c.mask; i++)
		if (c.slots[i].count)
			c.slots[to++] = c.slots[i];
	return (struct features){ c.slots, to };
}
